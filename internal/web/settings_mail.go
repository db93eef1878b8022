package web

import (
	"errors"
	"strings"

	"hacek/internal/hub"
	"hacek/internal/mail"
)

// mailView is what settings_mail.html shows: whether mails go out, and how a test went.
type mailView struct {
	Ready, Sent      bool
	From, Answer, To string
	Wrong, Hint      string // why the server did not take the test, in its words
	Form             *Form
}

func (v *visit) mailView(refusal error) mailView {
	page := mailView{Ready: v.Mail != nil}
	if page.Ready {
		page.From = v.Mail.From()
	}
	page.Form = v.newForm("/settings/mail", refusal,
		Field{Name: "to", Pointer: "/to", Label: v.lang.Text("web_settings.mail_to"), Type: "email", Value: v.who.User.Email, Required: true})
	return page
}

func (v *visit) mailPage() error {
	if err := v.installation(); err != nil {
		return err
	}
	return v.show("settings_mail", v.lang.Text("web_settings.mail"), v.mailView(nil))
}

// sendTestMail sends one mail now. What the server said is on the page, whether it took the mail or not.
func (v *visit) sendTestMail() error {
	if err := v.installation(); err != nil {
		return err
	}
	title := v.lang.Text("web_settings.mail")
	if v.Mail == nil {
		err := hub.Errorf(hub.Conflict, "%s", v.lang.Text("web_settings.mail_none"))
		return v.refuse(err, "settings_mail", title, v.mailView(err))
	}
	to := strings.TrimSpace(v.form("to"))
	if _, err := mail.Address(to); err != nil {
		var wrong hub.Problems
		wrong.Add("/to", "%v", err)
		return v.refuse(wrong.Err(), "settings_mail", title, v.mailView(wrong.Err()))
	}
	receipt, err := v.Mail.Send(v.ctx(), mail.Message{
		ID: "test-" + hub.NewID().Text("mail_"), To: []string{to}, Subject: v.lang.Text("web_settings.mail_subject"),
		Body: v.lang.Text("web_settings.mail_body", "name", v.who.Name), Language: string(v.lang), At: v.moment,
	})
	page := v.mailView(nil)
	page.Form.Fields["to"].Value, page.To = to, to
	var refused *mail.Error
	switch {
	case err == nil:
		page.Sent, page.Answer = true, receipt.Answer
	case errors.As(err, &refused):
		page.Wrong, page.Hint = v.lang.Sentence(refused.Detail), v.lang.Sentence(refused.Hint)
	default:
		return err
	}
	return v.show("settings_mail", title, page)
}
