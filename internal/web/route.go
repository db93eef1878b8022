package web

import (
	"net/http"
	"slices"

	"hacek/internal/hub"
)

// route is one page or one thing that a page does.
type route struct {
	method, path string
	least        hub.Role // the role it needs; "" is anybody who is signed in
	handle       func(*visit) error
	open         bool // nobody needs to be signed in
}

// routes is the only list of what the console serves. Everything that changes something is a POST.
func (c *Console) routes() []route {
	const viewer, operator = hub.Viewer, hub.Operator
	return slices.Concat(webhookRoutes(), incomingRoutes(), pipelineRoutes(), historyRoutes(), settingsRoutes(), portalSettingsRoutes(), []route{
		{"GET", "/login", "", (*visit).loginPage, true},
		{"POST", "/login", "", (*visit).login, true},
		{"POST", "/logout", "", (*visit).logout, true},
		{"GET", "/first/{token}", "", (*visit).firstPage, true},
		{"POST", "/first/{token}", "", (*visit).first, true},

		{"GET", "/{$}", viewer, (*visit).todayPage, false},
		{"GET", "/stream", viewer, (*visit).stream, false},

		{"GET", "/webhooks", viewer, (*visit).webhooksPage, false},
		{"GET", "/webhooks/{endpoint}", viewer, (*visit).webhookPage, false},
		{"POST", "/webhooks/{endpoint}/pause", operator, (*visit).pauseWebhook, false},
		{"POST", "/webhooks/{endpoint}/resume", operator, (*visit).resumeWebhook, false},

		{"GET", "/profile", viewer, (*visit).profilePage, false},
		{"POST", "/profile", viewer, (*visit).saveProfile, false},
		{"POST", "/profile/look", viewer, (*visit).saveLook, false},
		{"POST", "/profile/password", viewer, (*visit).savePassword, false},
	})
}

// place is one entry of the menu.
type place struct {
	Key, Path, Icon string // Key of the word; Path of the page
	Here            bool
}

// menu groups the places; the keys are those of the words.
type menu struct {
	Key    string
	Places []place
}

func menus() []menu {
	return []menu{
		{"web.menu.watch", []place{
			{Key: "web.menu.today", Path: "/", Icon: "today"},
			{Key: "web.menu.events", Path: "/events", Icon: "events"},
			{Key: "web.menu.deliveries", Path: "/deliveries", Icon: "deliveries"},
		}},
		{"web.menu.connect", []place{
			{Key: "web.menu.sources", Path: "/sources", Icon: "in"},
			{Key: "web.menu.pipelines", Path: "/pipelines", Icon: "pipeline"},
			{Key: "web.menu.webhooks", Path: "/webhooks", Icon: "hook"},
		}},
		{"web.menu.setup", []place{
			{Key: "web.menu.connections", Path: "/connections", Icon: "db"},
			{Key: "web.menu.catalogue", Path: "/catalogue", Icon: "book"},
			{Key: "web.menu.settings", Path: "/settings", Icon: "settings"},
		}},
	}
}

func methodReads(r *http.Request) bool {
	return r.Method == http.MethodGet || r.Method == http.MethodHead
}

// reloads tells whether the address of this visit is a page that one can come back to: it was read, or the answer to a
// form stands where the form did.
func (v *visit) reloads() bool {
	if methodReads(v.r) {
		return true
	}
	all := portalRoutes()
	if v.portal == nil {
		all = v.routes()
	}
	return slices.ContainsFunc(all, func(r route) bool { return r.method == http.MethodGet && r.path == v.path })
}
