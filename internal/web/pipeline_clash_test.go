package web_test

import (
	"net/http"
	"strconv"
	"strings"
	"testing"

	"hacek/internal/hub"
	"hacek/internal/store"
)

func TestP8_APipelineShowsWhatSomebodyElseChanged(t *testing.T) {
	h := newHouse(t)
	h.user(h.tenant, hub.Editor, nil)
	target := h.pipeline(h.tenant, "Orders", hub.Step{Type: hub.StepWait, For: hub.Duration(30e9)}, hub.Step{
		Type: hub.StepRequest, Request: &hub.Request{URL: "https://erp.example/in"}, Auth: &hub.Auth{Type: hub.AuthBearer, Token: hub.NewSecret("planted token")}})
	b := h.as("editor@example.com")
	path := pathOf(target)
	mine, step := formOf(t, b.get(path+"/edit").want(http.StatusOK).text, path+"/edit"), b.get(path+"/steps/1").want(http.StatusOK).etag()
	if _, err := h.settings.PatchPipeline(t.Context(), h.tenant.No, target.Name, []byte(`{"description":"<b>theirs"}`), "", byTest); err != nil {
		t.Fatal(err)
	}
	mine.Set("name", "Orders mine")
	mine.Set("description", "mine")
	late := b.do("POST", path+"/edit", mine).want(http.StatusPreconditionFailed).
		has("Somebody else saved other values meanwhile", "&lt;b&gt;theirs", "Orders mine", `class="plain">Description<`).hasNot(">description<", "planted", "<b>theirs", "subscription.event_types", ">retry", ">notify")
	other := b.post(path+"/steps/1", "for", "45s", "do", "save", "etag", step).want(http.StatusPreconditionFailed).
		has("Somebody else saved other values meanwhile", `class="plain">How long<`, "45s", "30s").hasNot("planted")
	b.post(path+"/steps/1", "for", "45s", "do", "save", "etag", other.etag()).want(http.StatusSeeOther)
	b.do("POST", path+"/edit", formOf(t, late.text, path+"/edit")).want(http.StatusPreconditionFailed)
	b.submit(path+"/edit", "name", "Orders mine", "description", "mine").want(http.StatusSeeOther)
}

func TestP8_APipelineAsksBeforeWhatWaitsGoesElsewhere(t *testing.T) {
	h := newHouse(t)
	h.user(h.tenant, hub.Administrator, nil)
	target := h.pipeline(h.tenant, "Orders", hub.Step{Type: hub.StepRequest, Request: &hub.Request{URL: "https://erp.example/in"}})
	b := h.as("administrator@example.com")
	path := pathOf(target) + "/steps/1"
	give := func(url string, more ...string) page {
		return b.submit(path, append(more, "url", url, "do", "save")...)
	}
	give("https://erp2.example/in").want(http.StatusSeeOther) // nothing waits yet
	h.publish("order.created", "1", `{}`)
	h.publish("order.created", "2", `{}`)
	give("https://erp3.example/in").want(http.StatusConflict).has("2 deliveries wait for this pipeline.", `name="backlog"`, `value="https://erp3.example/in"`).hasNot("confirm=backlog")
	text := `{"name":"Orders","subscription":{"event_types":["order.created"]},"steps":[{"type":"request","request":{"url":"https://erp4.example/in"}}]}`
	edit := pathOf(target) + "/edit"
	b.post(edit, "view", "json", "json", text, "etag", b.get(edit).etag()).want(http.StatusConflict).has("2 deliveries wait for this pipeline.", `name="backlog"`)
	give("https://erp3.example/in", "backlog", "on").want(http.StatusSeeOther)

	// Taking that back asks, too.
	changes, _, err := h.store.Revisions(t.Context(), store.RevisionFilter{Tenant: h.tenant.No, Kind: "pipeline"}, onePage)
	if err != nil {
		t.Fatal(err)
	}
	undo := "/settings/audit/" + strconv.FormatInt(changes[0].No, 10) + "/undo"
	asked := b.post(undo).want(http.StatusConflict).has("2 deliveries wait here.", `action="`+undo+`"`, `name="backlog"`).hasNot("confirm=backlog")
	if strings.Count(asked.text, `name="backlog"`) != 1 {
		t.Error("the question is not asked once")
	}
	b.post(undo, "backlog", "on").want(http.StatusSeeOther)
	now, err := h.settings.Pipeline(t.Context(), h.tenant.No, "Orders")
	if err != nil || now.Pipeline.Steps[0].Request.URL != "https://erp2.example/in" {
		t.Errorf("the pipeline calls %+v, %v", now.Pipeline.Steps[0].Request, err)
	}
}

func TestTheMenuShowsWhereOneIs(t *testing.T) {
	h := newHouse(t)
	h.user(h.tenant, hub.Viewer, nil)
	b := h.as("viewer@example.com")
	b.get("/tables").want(http.StatusOK).has(`<a href="/pipelines" aria-current="page">`)
	b.get("/webhooks").want(http.StatusOK).has(`<a href="/webhooks" aria-current="page">`).hasNot(`<a href="/pipelines" aria-current="page">`)
}
