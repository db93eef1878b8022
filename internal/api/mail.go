package api

import (
	"errors"
	"strings"

	"hacek/internal/hub"
	"hacek/internal/mail"
)

// mailTestView is how a test mail went: what the server said, or why it did not take it.
type mailTestView struct {
	Sent   bool   `json:"sent"`
	From   string `json:"from"`
	To     string `json:"to"`
	Answer string `json:"answer"`
	Error  string `json:"error"`
	Hint   string `json:"hint"`
}

// testMail sends one mail now. A mail that is not taken is an answer too.
func (a *API) testMail(c *call) (answer, error) {
	var in struct {
		To string `json:"to"`
	}
	if err := c.decode(&in); err != nil {
		return answer{}, err
	}
	if a.Mail == nil {
		return answer{}, hub.Errorf(hub.NotAvailable, "no mail server is set up").
			WithHint("Start the hub with HACEK_MAIL=smtp://user:password@host:587?from=hub@example.com.")
	}
	view := mailTestView{From: a.Mail.From(), To: strings.TrimSpace(in.To)}
	if _, err := mail.Address(view.To); err != nil {
		var wrong hub.Problems
		wrong.Add("/to", "%v", err)
		return answer{}, wrong.Err()
	}
	receipt, err := a.Mail.Send(c.r.Context(), mail.Message{
		ID: "test-" + hub.NewID().Text("mail_"), To: []string{view.To}, Subject: "Test mail of Háček", Language: "en", At: a.Now(),
		Body: c.principal.Name + " has asked Háček for this mail, to see whether mails arrive. Nothing else needs to be done.\n",
	})
	var refused *mail.Error
	switch {
	case err == nil:
		view.Sent, view.Answer = true, receipt.Answer
	case errors.As(err, &refused):
		view.Error, view.Hint = refused.Detail, refused.Hint
	default:
		return answer{}, err
	}
	return answer{body: view}, nil
}
