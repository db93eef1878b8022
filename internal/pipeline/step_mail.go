package pipeline

import (
	"context"
	"fmt"
	"strings"

	"hacek/internal/expr"
	"hacek/internal/hub"
	"hacek/internal/mail"
)

// letter sends one mail.
type letter struct {
	to            []recipient
	subject, body *expr.Template
	replyTo       *expr.Template
	language      string
	domains       []string
}

// recipient is one address, or a template of one.
type recipient struct {
	template *expr.Template
	ours     bool // written in the settings, not taken from an event
}

func (c *compiler) mail(s *hub.Step) action {
	l := &letter{language: s.Language, domains: s.Domains}
	if len(s.To) > mail.MaxRecipients {
		c.problems.Add(c.at+"/to", "has %d recipients; at most %d are allowed", len(s.To), mail.MaxRecipients)
	}
	for i, text := range s.To {
		at := fmt.Sprintf("/to/%d", i)
		t := c.template(at, text, expr.Text)
		if t == nil {
			continue
		}
		ours := len(t.Paths()) == 0
		if static, _ := t.Static(); ours {
			if _, err := mail.Address(static); err != nil {
				c.problems.Add(c.at+at, "%v", err)
			}
		}
		l.to = append(l.to, recipient{t, ours})
	}
	for i, domain := range s.Domains {
		if _, err := mail.Address("x@" + strings.TrimPrefix(domain, "@")); err != nil {
			c.problems.Add(fmt.Sprintf("%s/domains/%d", c.at, i), "%q is not a domain such as example.cz", domain)
		}
	}
	l.subject = c.template("/subject", s.Subject, expr.Header)
	l.body = c.template("/body", s.Body, expr.Text)
	if s.ReplyTo != "" {
		l.replyTo = c.template("/reply_to", s.ReplyTo, expr.Text)
	}
	for _, r := range s.Language {
		if r != '-' && (r < '0' || r > '9') && (r|0x20 < 'a' || r|0x20 > 'z') {
			c.problems.Add(c.at+"/language", "%q is no language such as cs or en-GB", s.Language)
			break
		}
	}
	return l
}

func (l *letter) do(ctx context.Context, w *work, s *step) outcome {
	msg, f := l.write(w, s)
	if f != nil {
		return failed(f)
	}
	from := ""
	if w.Mail != nil {
		from = w.Mail.From()
	}
	w.input(fmt.Sprintf("From: %s\nTo: %s\nReply-To: %s\nSubject: %s\n\n%s", from, strings.Join(msg.To, ", "), msg.ReplyTo, msg.Subject, msg.Body))
	if w.Mail == nil {
		f := broken("an administrator sets HACEK_MAIL, such as smtp://user:password@mail.example.cz:587?from=shop@example.cz", "no mail server is set up")
		f.blame = true
		return failed(f)
	}
	if w.dry {
		if _, err := w.Mail.Text(msg); err != nil {
			return failed(ofMail(err))
		}
		w.output("nothing was sent: this is a dry run")
		return outcome{}
	}
	receipt, err := w.Mail.Send(ctx, msg)
	if err != nil {
		return failed(ofMail(err))
	}
	w.output(strings.TrimSpace("Message-ID: " + receipt.MessageID + "\n" + receipt.Answer))
	return outcome{}
}

// write fills the mail. Every template of a recipient is one address: a value cannot bring a second one.
func (l *letter) write(w *work, s *step) (mail.Message, *failure) {
	msg := mail.Message{ID: w.key(s), Language: l.language, At: w.now()}
	fill := func(what string, t *expr.Template) (string, *failure) {
		if t == nil {
			return "", nil
		}
		text, err := t.Render(nil, w.scope, expr.MissingEmpty)
		if err != nil {
			return "", notRendered(what, err)
		}
		return string(text), nil
	}
	for _, to := range l.to {
		text, f := fill("to", to.template)
		if f != nil {
			return msg, f
		}
		if strings.TrimSpace(text) == "" {
			continue
		}
		address, err := mail.Address(text)
		switch {
		case err != nil:
			return msg, hopeless("look at the event: the address must stand there alone", "to: %v", err)
		case !to.ours && len(l.domains) > 0 && !mail.InDomains(address.Address, l.domains):
			return msg, hopeless("if it is meant, add the domain to the step's domains", "to: %s lies in none of the allowed domains (%s)",
				address.Address, strings.Join(l.domains, ", "))
		case !to.ours:
			text = address.Address // a name that a stranger wrote is not shown as if it were ours
		}
		msg.To = append(msg.To, text)
	}
	if len(msg.To) == 0 {
		return msg, hopeless("look at the event: where is the address?", "there is nobody to send the mail to")
	}
	var f *failure
	if msg.Subject, f = fill("subject", l.subject); f != nil {
		return msg, f
	}
	if msg.Body, f = fill("body", l.body); f != nil {
		return msg, f
	}
	if msg.ReplyTo, f = fill("reply_to", l.replyTo); f != nil {
		return msg, f
	}
	return msg, nil
}
