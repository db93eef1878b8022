// Package notice turns what the engine has to say about a target into an event, with the mail that goes to the
// addresses of its settings, in their language. It must not know how events are kept, nor how mail is sent.
package notice

import (
	"context"
	"encoding/json"
	"log/slog"

	"hacek/internal/hub"
	"hacek/internal/locale"
)

// Writer writes the events. Publish is needed; it must make a repeat of the same id harmless.
type Writer struct {
	Publish func(ctx context.Context, tenant int64, kind, id, key string, data []byte) error
	// Waiting counts what a target is owed; nil counts nothing.
	Waiting func(ctx context.Context, target int64) int64
	Address string // of this hub, for the mails; "" leaves it out
	Log     *slog.Logger
}

// facts are the data of a notice's event. docs/notices.md explains them.
type facts struct {
	Target   subject `json:"target"`
	Failures int     `json:"failures"`
	Since    string  `json:"since"`
	Cause    string  `json:"cause"`
	Hint     string  `json:"hint"`
	Waiting  int64   `json:"waiting"`
	Mail     *letter `json:"mail,omitempty"`
}

type subject struct {
	Kind hub.Kind `json:"kind"`
	ID   string   `json:"id"`
	Name string   `json:"name"`
}

type letter struct {
	To       []string `json:"to"`
	Language string   `json:"language"`
	Subject  string   `json:"subject"`
	Body     string   `json:"body"`
}

// Give writes one notice. What cannot be written is logged: the state it speaks of stands with the target anyway.
func (w *Writer) Give(ctx context.Context, n hub.Notice) {
	t := n.Target
	id := t.ID.Text(t.Prefix())
	f := facts{
		Target: subject{t.Kind, id, t.Name}, Failures: n.Failures, Since: hub.TimeText(n.Since), Cause: n.Cause, Hint: n.Hint,
	}
	if w.Waiting != nil {
		f.Waiting = w.Waiting(ctx, t.No)
	}
	if to := n.Addresses(); len(to) > 0 {
		f.Mail = w.letter(&n, &f, to)
	}
	data, err := json.Marshal(f)
	if err == nil {
		err = w.Publish(ctx, t.Tenant, n.Type(), n.ID(), id, data)
	}
	if err != nil {
		w.Log.Error("notice not given", "notice", n.Type(), "target", id, "err", err)
		return
	}
	w.Log.Warn("notice given", "notice", n.Type(), "target", id, "since", f.Since, "cause", n.Cause)
}

func (w *Writer) letter(n *hub.Notice, f *facts, to []string) *letter {
	t := n.Target
	language := t.Policy().Notify.Language
	subject, body := locale.In(language).Notice(locale.Notice{
		Kind: string(t.Kind), What: n.What, Name: t.Name, State: string(t.State), Failures: n.Failures, Since: n.Since, At: n.At,
		Why: n.Cause, Hint: n.Hint, Waiting: int(f.Waiting), Address: w.Address,
	})
	return &letter{To: to, Language: language, Subject: subject, Body: body}
}
