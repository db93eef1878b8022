package web

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"

	"hacek/internal/hub"
)

// stepView is what step.html shows: one step of a pipeline, as a form of its type, simple and expert in one, or as JSON.
type stepView struct {
	Pipeline, Path string // of the pipeline
	Title, Icon    string
	N              int
	New, Expert    bool
	AsJSON         bool
	Kind           string
	callForm       // of a step that calls
	Calls          bool
	Waiting        int64    // deliveries that would go elsewhere: to be confirmed
	Fields         []*Field // in their order
	More           []*Field // of the expert view
	Map            *mapForm
	Write          *writeForm
	FormPath, JSON string // addresses of the form and of the JSON
	Paths          []dataPath
	Lists          []string // paths of what holds many
	PathsOf        string   // the number of the document that the values are from
	Result         *Badge
	Error          string
	Input, Output  *Cut
}

func (v *visit) newStepPage() error { return v.showStep(nil, nil) }
func (v *visit) stepPage() error    { return v.showStep(nil, nil) }

// stepNumber is the step that the path names, counted from 0; a new one stands behind the last.
func (v *visit) stepNumber(t *hub.Target) (n int, made bool, err error) {
	text := v.r.PathValue("step")
	if text == "" {
		return len(t.Pipeline.Steps), true, nil
	}
	n, err = strconv.Atoi(text)
	if err != nil || n < 1 || n > len(t.Pipeline.Steps) {
		return 0, false, hub.Errorf(hub.NotFound, "the pipeline has no step %q", text)
	}
	return n - 1, false, nil
}

// stepPlace is where a pipeline's settings have a step.
func stepPlace(n int) string { return "/steps/" + strconv.Itoa(n) }

// theStep is the step as it is stored, or an empty one of the type that was chosen.
func (v *visit) theStep(t *hub.Target) (s hub.Step, n int, made bool, err error) {
	n, made, err = v.stepNumber(t)
	if err != nil || !made {
		if err == nil {
			s = t.Pipeline.Steps[n]
		}
		return s, n, made, err
	}
	s.Type = v.r.FormValue("type")
	if !slices.Contains(stepTypes(), s.Type) {
		return s, n, made, hub.Errorf(hub.NotFound, "there is no step of type %q", s.Type)
	}
	return s, n, made, nil
}

// showStep shows the form. typed is what stands in it when it differs from what is stored; refusal is why it was not
// taken.
func (v *visit) showStep(typed *hub.Step, refusal error) error {
	t, err := v.thePipeline()
	if err != nil {
		return err
	}
	s, n, made, err := v.theStep(&t)
	if err != nil {
		return err
	}
	if typed != nil {
		s = *typed
	}
	page := stepView{
		Pipeline: t.Name, Path: targetPath(&t), Title: v.stepWord(s.Type), Icon: stepIcons[s.Type], N: n + 1, New: made, Kind: s.Type,
		AsJSON: v.r.FormValue("view") == "json",
	}
	here := page.Path + "/steps/" + strconv.Itoa(n+1)
	page.FormPath, page.JSON = here, here+"?view=json"
	if made {
		here = page.Path + "/steps/new"
		page.FormPath, page.JSON = here+"?type="+s.Type, here+"?view=json&type="+s.Type
	}
	if err := v.stepData(&page, &t, n); err != nil {
		return err
	}
	at := stepPlace(n)
	simple, err := v.stepFields(&page, &s, at)
	if err != nil {
		return err
	}
	var more, call []Field
	if !page.AsJSON {
		more = v.moreFields(&s, at)
		if page.Calls = calls(&s); page.Calls {
			call = v.stepCallFields(&page, s, at)
		}
	}
	fields := slices.Concat(simple, more, call)
	page.Form = v.newForm(here, refusal, fields...)
	page.Expert = v.r.FormValue("view") == "expert" || page.Form.wrongBut(append(simple, Field{Name: "url"}, Field{Name: "body"}))
	page.Form.ETag = v.heldAt(pipelineETag(&t), refusal)
	if typed != nil && refusal == nil {
		page.Form.ETag = v.form("etag")
	}
	if page.Waiting, err = v.clash(page.Form, refusal, &t, withStep(&t, s, n)); err != nil {
		return err
	}
	for i := range fields[:len(simple)] {
		if at, below := strings.CutPrefix(fields[i].Name, "child."); below {
			page.Write.below(at, &fields[i])
		} else {
			page.Fields = append(page.Fields, &fields[i])
		}
	}
	for _, field := range more {
		page.More = append(page.More, page.Form.Fields[field.Name])
	}
	if refusal != nil {
		return v.refuse(refusal, "step", page.Title, page)
	}
	return v.show("step", page.Title, page)
}

// saveStep takes the form of a step, or shows it again with what was chosen so far.
func (v *visit) saveStep() error {
	t, err := v.thePipeline()
	if err != nil {
		return err
	}
	s, n, _, err := v.theStep(&t)
	if err != nil {
		return err
	}
	kind := s.Type
	if v.form("view") == "json" {
		s = hub.Step{}
		if err = readJSON(v.form("json"), &s); err == nil && s.Type == "" {
			s.Type = kind
		}
	} else {
		err = v.readStep(&s, stepPlace(n))
	}
	if err == nil && (v.form("do") == "look" || v.form("do") == "add_child" || v.form("do_remove_child") != "") {
		return v.showStep(&s, nil)
	}
	if err == nil {
		err = v.putSteps(t, withStep(&t, s, n).Steps)
	}
	if err != nil {
		if ours(err) {
			return err
		}
		if s.Type == "" {
			s.Type = kind
		}
		return v.showStep(&s, err)
	}
	return v.goTo(targetPath(&t), "web_pipeline.step_saved", "number", strconv.Itoa(n+1))
}

// putSteps stores a pipeline with other steps, if nobody has changed it since it was shown.
func (v *visit) putSteps(t hub.Target, steps []hub.Step) error {
	p := t.Pipeline
	p.Steps = steps
	_, _, err := v.Settings.ReplacePipeline(v.ctx(), v.tenant(), t.ID.Text(hub.PipelinePrefix), p, v.form("etag"), v.byMoving())
	return err
}

// withStep is a pipeline with one step replaced, or added behind the last.
func withStep(t *hub.Target, s hub.Step, n int) *hub.Pipeline {
	p := t.Pipeline
	p.Steps = slices.Clone(p.Steps)
	if n < len(p.Steps) {
		p.Steps[n] = s
	} else {
		p.Steps = append(p.Steps, s)
	}
	return &p
}

func (v *visit) moveStep() error {
	t, err := v.thePipeline()
	if err != nil {
		return err
	}
	n, _, err := v.stepNumber(&t)
	if err != nil {
		return err
	}
	to := n + 1
	if v.form("way") == "up" {
		to = n - 1
	}
	if to < 0 || to >= len(t.Pipeline.Steps) {
		return v.goTo(targetPath(&t), "")
	}
	steps := slices.Clone(t.Pipeline.Steps)
	steps[n], steps[to] = steps[to], steps[n]
	if err := v.putSteps(t, steps); err != nil {
		return v.refusePipeline(nil, err)
	}
	return v.goTo(targetPath(&t), "web_pipeline.moved")
}

func (v *visit) removeStep() error {
	t, err := v.thePipeline()
	if err != nil {
		return err
	}
	n, _, err := v.stepNumber(&t)
	if err != nil {
		return err
	}
	if err := v.putSteps(t, slices.Delete(slices.Clone(t.Pipeline.Steps), n, n+1)); err != nil {
		return v.refusePipeline(nil, err)
	}
	return v.goTo(targetPath(&t), "web_pipeline.removed")
}

func stepJSON(s *hub.Step) (string, error) {
	text, err := json.MarshalIndent(s, "", "  ")
	return string(text), err
}
