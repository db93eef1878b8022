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

		{"POST", "/v1/endpoints", "createEndpoint", ofTenant, editor, "endpoints:write", a.createEndpoint},
		{"GET", "/v1/endpoints", "listEndpoints", ofTenant, viewer, "endpoints:read", a.listEndpoints},
		{"GET", "/v1/endpoints/{endpoint}", "getEndpoint", ofTenant, viewer, "endpoints:read", a.getEndpoint},
		{"PUT", "/v1/endpoints/{endpoint}", "putEndpoint", ofTenant, editor, "endpoints:write", a.putEndpoint},
		{"PATCH", "/v1/endpoints/{endpoint}", "patchEndpoint", ofTenant, editor, "endpoints:write", a.patchEndpoint},
		{"DELETE", "/v1/endpoints/{endpoint}", "deleteEndpoint", ofTenant, editor, "endpoints:write", a.deleteEndpoint},
		{"POST", "/v1/endpoints/{endpoint}/pause", "pauseEndpoint", ofTenant, operator, "endpoints:write", a.pauseEndpoint},
		{"POST", "/v1/endpoints/{endpoint}/resume", "resumeEndpoint", ofTenant, operator, "endpoints:write", a.resumeEndpoint},
		{"POST", "/v1/endpoints/{endpoint}/test", "testEndpoint", ofTenant, operator, "endpoints:write", a.testEndpoint},
		{"POST", "/v1/endpoints/{endpoint}/preview", "previewEndpoint", ofTenant, viewer, "endpoints:read", a.previewEndpoint},
		{"POST", "/v1/endpoints/preview", "previewUnsavedEndpoint", ofTenant, editor, "endpoints:write", a.previewUnsavedEndpoint},
		{"POST", "/v1/endpoints/{endpoint}/replay", "replayEndpoint", ofTenant, operator, "deliveries:write", a.replayEndpoint},
		{"GET", "/v1/endpoints/{endpoint}/secret", "getEndpointSecret", ofTenant, administrator, "secrets:read", a.getEndpointSecret},
		{"POST", "/v1/endpoints/{endpoint}/rotate-secret", "rotateEndpointSecret", ofTenant, editor, "endpoints:write", a.rotateEndpointSecret},
		{"GET", "/v1/endpoints/{endpoint}/stats", "getEndpointStats", ofTenant, viewer, "endpoints:read", a.getEndpointStats},
		{"GET", "/v1/replays/{replay}", "getReplay", ofTenant, viewer, "deliveries:read", a.getReplay},
		{"POST", "/v1/conditions/check", "checkCondition", ofTenant, viewer, "events:read", a.checkCondition},

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
		{"GET", "/v1/audit", "listAudit", ofTenant, administrator, "audit:read", a.listAudit},

		{"GET", "/v1/tenants", "listTenants", ofOperator, administrator, "tenants:read", a.listTenants},
		{"POST", "/v1/tenants", "createTenant", ofOperator, administrator, "tenants:write", a.createTenant},
		{"GET", "/v1/tenants/{tenant}", "getTenant", ofOperator, administrator, "tenants:read", a.getTenant},
		{"PATCH", "/v1/tenants/{tenant}", "patchTenant", ofOperator, administrator, "tenants:write", a.patchTenant},
		{"DELETE", "/v1/tenants/{tenant}", "deleteTenant", ofOperator, administrator, "tenants:write", a.deleteTenant},

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
	if r.owner == ofTenant {
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
		a.fail(w, r, hub.Errorf(hub.NotFound, "there is nothing at %s", shorten(r.URL.Path, 200)).
			WithHint("every operation is listed in /openapi.json"))
		return
	}
	w.Header().Set("Allow", strings.Join(allowed, ", "))
	writeProblem(w, plainProblem(http.StatusMethodNotAllowed, "method_not_allowed", r.Method+" is not served here", "use "+strings.Join(allowed, " or "), nil))
}
