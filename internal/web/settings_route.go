package web

import "hacek/internal/hub"

// settingsRoutes are the pages of whoever looks after the hub, and the guided start.
func settingsRoutes() []route {
	const viewer, editor, administrator = hub.Viewer, hub.Editor, hub.Administrator
	return []route{
		{"GET", "/start", viewer, (*visit).startPage, false},
		{"GET", "/start/{way}", viewer, (*visit).startWayPage, false},
		{"POST", "/start/look", editor, (*visit).startSample, false},
		{"POST", "/start/look/remove", editor, (*visit).removeSample, false},
		{"POST", "/start/event", editor, (*visit).startEvent, false},

		{"GET", "/settings", viewer, (*visit).settingsPage, false},
		{"GET", "/settings/users", administrator, (*visit).usersPage, false},
		{"GET", "/settings/users/new", administrator, (*visit).newUserPage, false},
		{"POST", "/settings/users/new", administrator, (*visit).createUser, false},
		{"GET", "/settings/users/{user}", administrator, (*visit).userPage, false},
		{"POST", "/settings/users/{user}", administrator, (*visit).saveUser, false},
		{"POST", "/settings/users/{user}/password", administrator, (*visit).newUserPassword, false},
		{"POST", "/settings/users/{user}/delete", administrator, (*visit).deleteUser, false},

		{"GET", "/settings/keys", administrator, (*visit).keysPage, false},
		{"GET", "/settings/keys/new", administrator, (*visit).newKeyPage, false},
		{"POST", "/settings/keys/new", administrator, (*visit).createKey, false},
		{"POST", "/settings/keys/{key}/delete", administrator, (*visit).deleteKey, false},

		{"GET", "/settings/tenants", administrator, (*visit).tenantsPage, false},
		{"GET", "/settings/tenants/new", administrator, (*visit).newTenantPage, false},
		{"POST", "/settings/tenants/new", administrator, (*visit).createTenant, false},
		{"GET", "/settings/tenants/{tenant}", administrator, (*visit).tenantPage, false},
		{"POST", "/settings/tenants/{tenant}", administrator, (*visit).saveTenant, false},
		{"POST", "/settings/tenants/{tenant}/delete", administrator, (*visit).deleteTenant, false},

		{"GET", "/settings/mail", administrator, (*visit).mailPage, false},
		{"POST", "/settings/mail", administrator, (*visit).sendTestMail, false},

		{"POST", "/settings/support", administrator, (*visit).supportBundle, false},

		{"GET", "/settings/audit", administrator, (*visit).auditPage, false},
		{"POST", "/settings/audit/{revision}/undo", administrator, (*visit).undoChange, false},
	}
}
