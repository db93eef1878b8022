package hub

import (
	"net/http"
	"strings"
	"time"
)

// stepTimeout is how long a step's call may take when it does not say so itself.
const stepTimeout = Duration(15 * time.Second)

// Complete fills what other settings imply and what a step leaves out; an absent list (null) is the default one.
func (p *Pipeline) Complete() {
	def := DefaultPipeline()
	if p.UID != nil && *p.UID == "" {
		p.UID = nil
	}
	fill(&p.Order.By, def.Order.By)
	p.Retry.complete(def.Retry)
	p.Success.complete(def.Success)
	p.Subscription.complete()
	p.Notify.complete()
	if p.Steps == nil {
		p.Steps = []Step{}
	}
	for i := range p.Steps {
		p.Steps[i].complete()
	}
	if p.Labels == nil {
		p.Labels = map[string]string{}
	}
}

// complete gives a step's call the defaults of an endpoint's, but for the body: what only asks has none.
func (s *Step) complete() {
	if string(s.Schema) == "null" {
		s.Schema = nil
	}
	if s.Request != nil {
		r := s.Request
		if (s.Type == StepFetch || s.Type == StepConfirm) && r.Body == nil && r.Payload == "" {
			r.Payload = PayloadNone
			fill(&r.Method, http.MethodGet)
		}
		if r.Timeout == 0 {
			r.Timeout = stepTimeout
		}
		r.complete()
	}
	if s.Auth != nil {
		fill(&s.Auth.Type, AuthNone)
	}
	if s.Success != nil {
		s.Success.complete(DefaultPipeline().Success)
	}
}

// Validate says everything that is wrong with the settings around the steps, each with its JSON Pointer; the steps
// themselves are judged where they are compiled. Call Complete first.
func (p *Pipeline) Validate() error {
	var wrong Problems
	checkName(&wrong, p.Name, PipelinePrefix)
	if strings.TrimSpace(p.Name) == "" {
		wrong.Add("/name", "is missing")
	}
	if p.UID != nil {
		checkUID(&wrong, "/uid", *p.UID, PipelinePrefix)
	}
	CheckText(&wrong, "/description", p.Description, MaxDescriptionLen)
	checkTexts(&wrong, "/labels", p.Labels, MaxNameLen)
	p.Subscription.validate(&wrong)
	p.Success.validate(&wrong)
	p.policy().validate(&wrong)
	return wrong.Err()
}

func (p *Pipeline) policy() Policy {
	return Policy{p.Subscription, p.Retry, p.Order, p.Limits, p.DisableAfter, p.Notify}
}
