package hub

import (
	"encoding/json"
	"fmt"
	"time"
)

// Pipeline is the settings of ordered steps that an event goes through, as in the API.
type Pipeline struct {
	Name         string            `json:"name"`
	UID          *string           `json:"uid"`
	Active       bool              `json:"active"`
	Subscription Subscription      `json:"subscription"`
	Unverified   bool              `json:"unverified"` // takes events that were released from quarantine, too
	Steps        []Step            `json:"steps"`
	Success      Success           `json:"success"` // of steps that call and have no rule of their own
	Retry        Retry             `json:"retry"`
	Order        Order             `json:"order"`
	Limits       Limits            `json:"limits"`
	DisableAfter Duration          `json:"disable_after"`
	Notify       Notify            `json:"notify"`
	Description  string            `json:"description"`
	Labels       map[string]string `json:"labels"`
}

// Types of steps.
const (
	StepValidate = "validate"
	StepFetch    = "fetch"
	StepMap      = "map"
	StepUpsert   = "upsert"
	StepRequest  = "request"
	StepConfirm  = "confirm"
	StepMail     = "mail"
	StepPublish  = "publish"
	StepWait     = "wait"
)

// Step is one thing a pipeline does. Which fields belong to which type stands in docs/pipelines.md. Texts may hold
// #variables#, unless a field says otherwise.
type Step struct {
	Type string `json:"type"`
	Name string `json:"name,omitempty"` // for people; plain text
	As   string `json:"as,omitempty"`   // what later steps call the result; plain text

	Schema json.RawMessage `json:"schema,omitempty"` // validate

	Request *Request `json:"request,omitempty"` // fetch, request, confirm
	Auth    *Auth    `json:"auth,omitempty"`
	Success *Success `json:"success,omitempty"`
	Limits  *Limits  `json:"limits,omitempty"` // over all runs; shared with every step that calls the same host as the same caller
	Again   *Again   `json:"again,omitempty"`  // fetch

	Fields map[string]string `json:"fields,omitempty"` // map: field -> template
	Tables map[string]string `json:"tables,omitempty"` // map: field -> name of a translation table; plain text

	Connection string            `json:"connection,omitempty"` // upsert; plain text, as are the names below
	Table      string            `json:"table,omitempty"`
	Key        []string          `json:"key,omitempty"`
	Newer      string            `json:"newer,omitempty"`
	Columns    map[string]string `json:"columns,omitempty"` // column -> template
	Children   []Child           `json:"children,omitempty"`

	Until string   `json:"until,omitempty"` // confirm: CEL over response.*
	Every Duration `json:"every,omitzero"`  // confirm
	For   Duration `json:"for,omitzero"`    // confirm, wait

	To       []string `json:"to,omitempty"` // mail
	Subject  string   `json:"subject,omitempty"`
	Body     string   `json:"body,omitempty"`
	Language string   `json:"language,omitempty"`
	ReplyTo  string   `json:"reply_to,omitempty"`
	Domains  []string `json:"domains,omitempty"` // mail: where recipients that come from the data may be; empty: anywhere

	Event *PublishEvent `json:"event,omitempty"` // publish
}

// Again says when a fetched record is not yet the one the notice was about, so that it is fetched again.
type Again struct {
	Status  []string `json:"status,omitempty"`  // such as "404"
	Version string   `json:"version,omitempty"` // path in the answer that a new version changes: data.changeTime
	Every   Duration `json:"every,omitzero"`
	For     Duration `json:"for,omitzero"` // then the answer is taken as it is, or the step fails
}

// Child is the rows below an upserted row.
type Child struct {
	Table   string            `json:"table"`
	Parent  map[string]string `json:"parent"` // child column -> parent column
	Each    string            `json:"each"`   // path of the list
	Key     []string          `json:"key"`
	Replace bool              `json:"replace"` // rows that the list does not have are deleted
	Columns map[string]string `json:"columns"` // column -> template; paths look in the item first
}

// PublishEvent is the event that a publish step makes.
type PublishEvent struct {
	Type string          `json:"type"`
	Key  string          `json:"key,omitempty"`
	Data json.RawMessage `json:"data,omitempty"` // a template in a JSON text ("#row#"), or JSON with templates in it
}

// DefaultPipeline is what holds for every setting that is not given.
func DefaultPipeline() Pipeline {
	return Pipeline{
		Active:       true,
		Success:      Success{Status: []string{"2xx"}},
		Retry:        DefaultRetry(),
		Order:        Order{By: OrderKey},
		Limits:       Limits{Concurrency: 8},
		DisableAfter: Duration(5 * 24 * time.Hour),
		Notify:       Notify{AfterFailures: 3, Language: "en"},
	}
}

// Secrets lists every secret of the steps with its JSON Pointer.
func (p *Pipeline) Secrets() map[string]*Secret {
	s := map[string]*Secret{}
	for i := range p.Steps {
		if a := p.Steps[i].Auth; a != nil {
			for pointer, secret := range a.secrets() {
				s[fmt.Sprintf("/steps/%d%s", i, pointer)] = secret
			}
		}
	}
	return s
}

// HeaderSecrets are the secret header values of token exchanges, by JSON Pointer.
func (p *Pipeline) HeaderSecrets() map[string]map[string]Secret {
	all := map[string]map[string]Secret{}
	for i := range p.Steps {
		if a := p.Steps[i].Auth; a != nil && a.Request != nil {
			all[fmt.Sprintf("/steps/%d/auth/request/headers", i)] = a.Request.Headers
		}
	}
	return all
}
