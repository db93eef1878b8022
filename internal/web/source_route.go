package web

import "hacek/internal/hub"

// incomingRoutes are the pages of what comes in: sources, their requests, the databases behind them, the catalogue.
func incomingRoutes() []route {
	const viewer, operator, editor, administrator = hub.Viewer, hub.Operator, hub.Editor, hub.Administrator
	return []route{
		{"GET", "/sources", viewer, (*visit).sourcesPage, false},
		{"GET", "/sources/new", editor, (*visit).newSourcePage, false},
		{"GET", "/sources/new/from/{provider}", editor, (*visit).startSourcePage, false},
		{"POST", "/sources/new/from/{provider}", editor, (*visit).startSource, false},
		{"GET", "/sources/{source}", viewer, (*visit).sourcePage, false},
		{"GET", "/sources/{source}/connect", viewer, (*visit).connectSourcePage, false},
		{"GET", "/sources/{source}/edit", editor, (*visit).editSourcePage, false},
		{"POST", "/sources/{source}/edit", editor, (*visit).saveSource, false},
		{"POST", "/sources/{source}/forget", editor, (*visit).forgetSecrets, false},
		{"POST", "/sources/{source}/switch", editor, (*visit).switchSource, false},
		{"POST", "/sources/{source}/delete", editor, (*visit).deleteSource, false},
		{"POST", "/sources/{source}/trigger", operator, (*visit).triggerSource, false},
		{"GET", "/sources/{source}/requests", viewer, (*visit).requestsPage, false},
		{"POST", "/sources/{source}/release", editor, (*visit).releaseRequests, false},
		{"GET", "/sources/{source}/requests/{request}", viewer, (*visit).requestPage, false},
		{"POST", "/sources/{source}/requests/{request}/release", editor, (*visit).releaseRequest, false},
		{"GET", "/quarantine", viewer, (*visit).quarantinePage, false},

		{"GET", "/connections", administrator, (*visit).connectionsPage, false},
		{"GET", "/connections/new", administrator, (*visit).newConnectionPage, false},
		{"POST", "/connections/new", administrator, (*visit).createConnection, false},
		{"GET", "/connections/{connection}", administrator, (*visit).connectionPage, false},
		{"GET", "/connections/{connection}/tables", administrator, (*visit).connectionTablesPage, false},
		{"GET", "/connections/{connection}/edit", administrator, (*visit).editConnectionPage, false},
		{"POST", "/connections/{connection}/edit", administrator, (*visit).saveConnection, false},
		{"POST", "/connections/{connection}/test", administrator, (*visit).testConnection, false},
		{"POST", "/connections/{connection}/delete", administrator, (*visit).deleteConnection, false},

		{"GET", "/catalogue", viewer, (*visit).cataloguePage, false},
		{"GET", "/catalogue/packs", viewer, (*visit).packsPage, false},
		{"POST", "/catalogue/packs/{pack}/install", editor, (*visit).installPack, false},
		{"GET", "/catalogue/providers", viewer, (*visit).providersPage, false},
		{"GET", "/catalogue/new", editor, (*visit).newTypePage, false},
		{"POST", "/catalogue/new", editor, (*visit).createType, false},
		{"GET", "/catalogue/types/{type}", viewer, (*visit).typePage, false},
		{"GET", "/catalogue/types/{type}/edit", editor, (*visit).editTypePage, false},
		{"POST", "/catalogue/types/{type}/edit", editor, (*visit).saveType, false},
		{"POST", "/catalogue/types/{type}/delete", editor, (*visit).deleteType, false},

		{"GET", "/settings/listeners", administrator, (*visit).listenersPage, false},
		{"GET", "/settings/listeners/new", administrator, (*visit).newListenerPage, false},
		{"POST", "/settings/listeners/new", administrator, (*visit).createListener, false},
		{"GET", "/settings/listeners/{listener}", administrator, (*visit).listenerPage, false},
		{"POST", "/settings/listeners/{listener}", administrator, (*visit).saveListener, false},
		{"POST", "/settings/listeners/{listener}/delete", administrator, (*visit).deleteListener, false},
	}
}
