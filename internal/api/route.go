package api

import (
	"net/http"
	"strings"

	"hacek/internal/hub"
)

// owner says whom a route's objects belong to, and with it who may call and under which paths.
type owner int

const (
	ofTenant       owner = iota // also below /v1/tenants/{tenant}
	ofNamed                     // of a tenant that the path names: only below /v1/tenants/{tenant}
	guarded                     // of a tenant, and set by an administrator of the installation: it reaches into its network and files
	ofInstallation              // read with any key, changed by an administrator of the installation
	ofOperator                  // an administrator of the installation only
	open                        // no key
)

// route is one operation: where it stands, who may call it, and what answers.
type route struct {
	method, path string
	id           string // operationId
	owner        owner
	role         hub.Role
	scope        string
	handle       func(*call) (answer, error)
}

// routes is the only list of what the API serves; a test holds it against the OpenAPI document, both ways.
func (a *API) routes() []route {
	const viewer, operator, editor, administrator = hub.Viewer, hub.Operator, hub.Editor, hub.Administrator
	return []route{
		{"POST", "/v1/events", "createEvent", ofTenant, operator, "events:write", a.createEvent},
		{"POST", "/v1/events/batch", "createEvents", ofTenant, operator, "events:write", a.createEvents},
		{"GET", "/v1/events", "listEvents", ofTenant, viewer, "events:read", a.listEvents},
		{"GET", "/v1/events/{event}", "getEvent", ofTenant, viewer, "events:read", a.getEvent},
		{"GET", "/v1/events/{event}/fates", "getFates", ofTenant, viewer, "events:read", a.getFates},
		{"POST", "/v1/events/{event}/replay", "replayEvent", ofTenant, operator, "deliveries:write", a.replayEvent},

		{"GET", "/v1/event-types", "listEventTypes", ofInstallation, viewer, "event-types:read", a.listEventTypes},
		{"GET", "/v1/event-types/{name}", "getEventType", ofInstallation, viewer, "event-types:read", a.getEventType},
		{"PUT", "/v1/event-types/{name}", "putEventType", ofInstallation, editor, "event-types:write", a.putEventType},
		{"PATCH", "/v1/event-types/{name}", "patchEventType", ofInstallation, editor, "event-types:write", a.patchEventType},
		{"DELETE", "/v1/event-types/{name}", "deleteEventType", ofInstallation, editor, "event-types:write", a.deleteEventType},
		{"GET", "/v1/packs", "listPacks", ofInstallation, viewer, "event-types:read", a.listPacks},
		{"POST", "/v1/packs/{pack}/install", "installPack", ofInstallation, editor, "event-types:write", a.installPack},
		{"GET", "/v1/presets", "listPresets", ofInstallation, viewer, "event-types:read", a.listPresets},
		{"POST", "/v1/presets/{pack}/{name}/apply", "applyPreset", ofTenant, editor, "", a.applyPreset}, // the scope is that of what is made

		{"POST", "/v1/endpoints", "createEndpoint", ofTenant, editor, "endpoints:write", a.createEndpoint},
		{"GET", "/v1/endpoints", "listEndpoints", ofTenant, viewer, "endpoints:read", a.listEndpoints},
		{"GET", "/v1/endpoints/{endpoint}", "getEndpoint", ofTenant, viewer, "endpoints:read", a.getEndpoint},
		{"PUT", "/v1/endpoints/{endpoint}", "putEndpoint", ofTenant, editor, "endpoints:write", a.putEndpoint},
		{"PATCH", "/v1/endpoints/{endpoint}", "patchEndpoint", ofTenant, editor, "endpoints:write", a.patchEndpoint},
		{"DELETE", "/v1/endpoints/{endpoint}", "deleteEndpoint", ofTenant, editor, "endpoints:write", a.deleteTarget},
		{"POST", "/v1/endpoints/{endpoint}/pause", "pauseEndpoint", ofTenant, operator, "endpoints:write", a.pauseTarget},
		{"POST", "/v1/endpoints/{endpoint}/resume", "resumeEndpoint", ofTenant, operator, "endpoints:write", a.resumeTarget},
		{"POST", "/v1/endpoints/{endpoint}/test", "testEndpoint", ofTenant, operator, "endpoints:write", a.testEndpoint},
		{"POST", "/v1/endpoints/{endpoint}/preview", "previewEndpoint", ofTenant, viewer, "endpoints:read", a.previewEndpoint},
		{"POST", "/v1/endpoints/preview", "previewUnsavedEndpoint", ofTenant, editor, "endpoints:write", a.previewUnsavedEndpoint},
		{"POST", "/v1/endpoints/test", "testUnsavedEndpoint", ofTenant, editor, "endpoints:write", a.testUnsavedEndpoint},
		{"POST", "/v1/endpoints/{endpoint}/replay", "replayEndpoint", ofTenant, operator, "deliveries:write", a.replayTarget},
		{"GET", "/v1/endpoints/{endpoint}/secret", "getEndpointSecret", ofTenant, administrator, "secrets:read", a.getEndpointSecret},
		{"POST", "/v1/endpoints/{endpoint}/rotate-secret", "rotateEndpointSecret", ofTenant, editor, "endpoints:write", a.rotateEndpointSecret},
		{"GET", "/v1/endpoints/{endpoint}/stats", "getEndpointStats", ofTenant, viewer, "endpoints:read", a.getTargetStats},
		{"GET", "/v1/replays/{replay}", "getReplay", ofTenant, viewer, "deliveries:read", a.getReplay},
		{"POST", "/v1/conditions/check", "checkCondition", ofTenant, viewer, "events:read", a.checkCondition},

		{"POST", "/v1/pipelines", "createPipeline", ofTenant, editor, "pipelines:write", a.createPipeline},
		{"GET", "/v1/pipelines", "listPipelines", ofTenant, viewer, "pipelines:read", a.listPipelines},
		{"GET", "/v1/pipelines/{pipeline}", "getPipeline", ofTenant, viewer, "pipelines:read", a.getPipeline},
		{"PUT", "/v1/pipelines/{pipeline}", "putPipeline", ofTenant, editor, "pipelines:write", a.putPipeline},
		{"PATCH", "/v1/pipelines/{pipeline}", "patchPipeline", ofTenant, editor, "pipelines:write", a.patchPipeline},
		{"DELETE", "/v1/pipelines/{pipeline}", "deletePipeline", ofTenant, editor, "pipelines:write", a.deleteTarget},
		{"POST", "/v1/pipelines/{pipeline}/pause", "pausePipeline", ofTenant, operator, "pipelines:write", a.pauseTarget},
		{"POST", "/v1/pipelines/{pipeline}/resume", "resumePipeline", ofTenant, operator, "pipelines:write", a.resumeTarget},
		{"POST", "/v1/pipelines/{pipeline}/replay", "replayPipeline", ofTenant, operator, "deliveries:write", a.replayTarget},
		{"GET", "/v1/pipelines/{pipeline}/stats", "getPipelineStats", ofTenant, viewer, "pipelines:read", a.getTargetStats},
		{"POST", "/v1/pipelines/{pipeline}/dry-run", "dryRunPipeline", ofTenant, operator, "pipelines:write", a.dryRunPipeline},
		{"POST", "/v1/pipelines/dry-run", "dryRunUnsavedPipeline", ofTenant, editor, "pipelines:write", a.dryRunUnsavedPipeline},

		{"POST", "/v1/connections", "createConnection", guarded, administrator, "connections:write", a.createConnection},
		{"GET", "/v1/connections", "listConnections", ofTenant, administrator, "connections:read", a.listConnections},
		{"GET", "/v1/connections/{connection}", "getConnection", ofTenant, administrator, "connections:read", a.getConnection},
		{"PUT", "/v1/connections/{connection}", "putConnection", guarded, administrator, "connections:write", a.putConnection},
		{"PATCH", "/v1/connections/{connection}", "patchConnection", guarded, administrator, "connections:write", a.patchConnection},
		{"DELETE", "/v1/connections/{connection}", "deleteConnection", guarded, administrator, "connections:write", a.deleteConnection},
		{"POST", "/v1/connections/{connection}/test", "testConnection", guarded, administrator, "connections:write", a.testConnection},
		{"GET", "/v1/connections/{connection}/tables", "listConnectionTables", guarded, administrator, "connections:read", a.listConnectionTables},
		{"GET", "/v1/connections/{connection}/tables/{table}", "getConnectionTable", guarded, administrator, "connections:read", a.getConnectionTable},
		{"POST", "/v1/tables", "createTable", ofTenant, editor, "pipelines:write", a.createTable},
		{"GET", "/v1/tables", "listTables", ofTenant, viewer, "pipelines:read", a.listTables},
		{"GET", "/v1/tables/{table}", "getTable", ofTenant, viewer, "pipelines:read", a.getTable},
		{"PUT", "/v1/tables/{table}", "putTable", ofTenant, editor, "pipelines:write", a.putTable},
		{"PATCH", "/v1/tables/{table}", "patchTable", ofTenant, editor, "pipelines:write", a.patchTable},
		{"DELETE", "/v1/tables/{table}", "deleteTable", ofTenant, editor, "pipelines:write", a.deleteTable},

		{"POST", "/v1/sources", "createSource", ofTenant, editor, "sources:write", a.createSource},
		{"GET", "/v1/sources", "listSources", ofTenant, viewer, "sources:read", a.listSources},
		{"GET", "/v1/sources/{source}", "getSource", ofTenant, viewer, "sources:read", a.getSource},
		{"PUT", "/v1/sources/{source}", "putSource", ofTenant, editor, "sources:write", a.putSource},
		{"PATCH", "/v1/sources/{source}", "patchSource", ofTenant, editor, "sources:write", a.patchSource},
		{"DELETE", "/v1/sources/{source}", "deleteSource", ofTenant, editor, "sources:write", a.deleteSource},
		{"POST", "/v1/sources/{source}/trigger", "triggerSource", ofTenant, operator, "sources:write", a.triggerSource},
		{"POST", "/v1/sources/{source}/preview", "previewSource", ofTenant, editor, "requests:read", a.previewSource},
		{"POST", "/v1/sources/preview", "previewUnsavedSource", ofTenant, editor, "requests:read", a.previewUnsavedSource},
		{"GET", "/v1/sources/{source}/requests", "listRequests", ofTenant, viewer, "requests:read", a.listRequests},
		{"GET", "/v1/sources/{source}/requests/{request}", "getRequest", ofTenant, viewer, "requests:read", a.getRequest},
		{"POST", "/v1/sources/{source}/requests/{request}/release", "releaseRequest", ofTenant, editor, "sources:write", a.releaseRequest},
		{"GET", "/v1/providers", "listProviders", ofInstallation, viewer, "sources:read", a.listProviders},
		{"GET", "/v1/providers/{provider}", "getProvider", ofInstallation, viewer, "sources:read", a.getProvider},

		{"POST", "/v1/listeners", "createListener", ofOperator, administrator, "listeners:write", a.createListener},
		{"GET", "/v1/listeners", "listListeners", ofOperator, administrator, "listeners:read", a.listListeners},
		{"GET", "/v1/listeners/{listener}", "getListener", ofOperator, administrator, "listeners:read", a.getListener},
		{"PUT", "/v1/listeners/{listener}", "putListener", ofOperator, administrator, "listeners:write", a.putListener},
		{"PATCH", "/v1/listeners/{listener}", "patchListener", ofOperator, administrator, "listeners:write", a.patchListener},
		{"DELETE", "/v1/listeners/{listener}", "deleteListener", ofOperator, administrator, "listeners:write", a.deleteListener},

		{"GET", "/v1/deliveries", "listDeliveries", ofTenant, viewer, "deliveries:read", a.listDeliveries},
		{"GET", "/v1/deliveries/{delivery}", "getDelivery", ofTenant, viewer, "deliveries:read", a.getDelivery},
		{"POST", "/v1/deliveries/{delivery}/retry", "retryDelivery", ofTenant, operator, "deliveries:write", a.retryDelivery},
		{"POST", "/v1/deliveries/{delivery}/cancel", "cancelDelivery", ofTenant, operator, "deliveries:write", a.cancelDelivery},
		{"POST", "/v1/deliveries/{delivery}/resend", "resendDelivery", ofTenant, editor, "deliveries:write", a.resendDelivery},

		{"GET", "/v1/search", "search", ofTenant, viewer, "events:read", a.search},
		{"GET", "/v1/stream", "stream", ofTenant, viewer, "events:read", a.stream},
		{"GET", "/v1/keys", "listKeys", ofTenant, administrator, "keys:read", a.listKeys},
		{"POST", "/v1/keys", "createKey", ofTenant, administrator, "keys:write", a.createKey},
		{"DELETE", "/v1/keys/{key}", "deleteKey", ofTenant, administrator, "keys:write", a.deleteKey},
		{"GET", "/v1/users", "listUsers", ofTenant, administrator, "users:read", a.listUsers},
		{"POST", "/v1/users", "createUser", ofTenant, administrator, "users:write", a.createUser},
		{"GET", "/v1/users/{user}", "getUser", ofTenant, administrator, "users:read", a.getUser},
		{"PATCH", "/v1/users/{user}", "patchUser", ofTenant, administrator, "users:write", a.patchUser},
		{"DELETE", "/v1/users/{user}", "deleteUser", ofTenant, administrator, "users:write", a.deleteUser},
		{"GET", "/v1/audit", "listAudit", ofTenant, administrator, "audit:read", a.listAudit},
		{"POST", "/v1/audit/{revision}/undo", "undoChange", ofTenant, administrator, "", a.undoChange}, // the scope is that of what is changed

		{"GET", "/v1/tenants", "listTenants", ofOperator, administrator, "tenants:read", a.listTenants},
		{"POST", "/v1/tenants", "createTenant", ofOperator, administrator, "tenants:write", a.createTenant},
		{"GET", "/v1/tenants/{tenant}", "getTenant", ofOperator, administrator, "tenants:read", a.getTenant},
		{"PATCH", "/v1/tenants/{tenant}", "patchTenant", ofOperator, administrator, "tenants:write", a.patchTenant},
		{"DELETE", "/v1/tenants/{tenant}", "deleteTenant", ofOperator, administrator, "tenants:write", a.deleteTenant},
		{"POST", "/v1/tenants/{tenant}/portal-link", "createPortalLink", ofNamed, administrator, "tenants:write", a.createPortalLink},
		{"DELETE", "/v1/tenants/{tenant}/portal-sessions", "endPortalSessions", ofNamed, administrator, "tenants:write", a.endPortalSessions},

		{"POST", "/v1/mail/test", "testMail", ofOperator, administrator, "mail:write", a.testMail},
		{"GET", "/v1/support-bundle", "getSupportBundle", ofOperator, administrator, "support:read", a.getSupportBundle},

		{"GET", "/healthz", "healthz", open, "", "", a.healthz},
		{"GET", "/readyz", "readyz", open, "", "", a.readyz},
		{"GET", "/openapi.json", "openapi", open, "", "", a.openapi},
		{"GET", "/metrics", "metrics", ofOperator, administrator, "", a.showMetrics},
	}
}

const tenantPrefix = "/v1/tenants/{tenant}"

func (a *API) register(r route) {
	op := a.spec.operations[r.id]
	if op == nil {
		panic("BUG: the OpenAPI document has no operation " + r.id)
	}
	handler := &operationHandler{api: a, route: r, op: op}
	a.mux.Handle(r.method+" "+r.path, handler)
	if r.owner == ofTenant || r.owner == guarded {
		a.mux.Handle(r.method+" "+tenantPrefix+strings.TrimPrefix(r.path, "/v1"), handler)
	}
}

// unknown answers what no route took: another method than the ones served, or nothing at all.
func (a *API) unknown(w http.ResponseWriter, r *http.Request) {
	var allowed []string
	probe := r.Clone(r.Context())
	for _, method := range []string{"GET", "POST", "PUT", "PATCH", "DELETE"} {
		probe.Method = method
		if _, pattern := a.mux.Handler(probe); pattern != "/" && pattern != "" {
			allowed = append(allowed, method)
		}
	}
	if allowed == nil {
		a.fail(w, r, hub.Errorf(hub.NotFound, "there is nothing at %s", hub.Shorten(r.URL.Path, 200)).
			WithHint("every operation is listed in /openapi.json"))
		return
	}
	w.Header().Set("Allow", strings.Join(allowed, ", "))
	writeProblem(w, plainProblem(http.StatusMethodNotAllowed, "method_not_allowed", r.Method+" is not served here", "use "+strings.Join(allowed, " or "), nil))
}
