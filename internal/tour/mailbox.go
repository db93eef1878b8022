package tour

import (
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"mime"
	"mime/quotedprintable"
	"net/mail"
	"strings"

	"hacek/internal/mail/mailtest"
)

// Mailbox is a mail server on this machine that keeps what it is given.
type Mailbox struct{ server *mailtest.Server }

// OpenMailbox starts one; close it after use.
func OpenMailbox() (*Mailbox, error) {
	s, err := mailtest.Listen("127.0.0.1:0", nil)
	if err != nil {
		return nil, fmt.Errorf("start the pretend mailbox: %w", err)
	}
	return &Mailbox{s}, nil
}

// Setting is what a hub is told to send its mails there.
func (m *Mailbox) Setting() string { return "smtp://" + m.server.Address() + "?from=hacek@example.cz" }

// Close stops it.
func (m *Mailbox) Close() { _ = m.server.Close() }

// letter is a mail as its reader sees it.
type letter struct{ id, to, subject, text string }

// IDs are the Message-IDs of the mails, oldest first.
func (m *Mailbox) IDs() ([]string, error) {
	var ids []string
	for _, raw := range m.server.Mails() {
		l, err := read(raw)
		if err != nil {
			return nil, err
		}
		ids = append(ids, l.id)
	}
	return ids, nil
}

// Count is how many mails there are.
func (m *Mailbox) Count() int { return len(m.server.Mails()) }

// letters waits for so many mails from the nth on.
func (m *Mailbox) letters(ctx context.Context, from, n int) ([]letter, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for {
		came := m.server.Came()
		if all := m.server.Mails(); len(all) >= from+n {
			var list []letter
			for _, raw := range all[from:] {
				l, err := read(raw)
				if err != nil {
					return nil, err
				}
				list = append(list, l)
			}
			return list, nil
		}
		select {
		case <-came:
		case <-ctx.Done():
			return nil, fmt.Errorf("the mailbox has %d mails, not %d", len(m.server.Mails())-from, n)
		}
	}
}

func read(raw mailtest.Mail) (letter, error) {
	message, err := mail.ReadMessage(strings.NewReader(raw.Data))
	if err != nil {
		return letter{}, fmt.Errorf("a mail cannot be read: %w", err)
	}
	body := message.Body
	switch strings.ToLower(message.Header.Get("Content-Transfer-Encoding")) {
	case "quoted-printable":
		body = quotedprintable.NewReader(body)
	case "base64":
		body = base64.NewDecoder(base64.StdEncoding, body)
	}
	text, err := io.ReadAll(body)
	if err != nil {
		return letter{}, fmt.Errorf("the text of a mail cannot be read: %w", err)
	}
	subject, err := new(mime.WordDecoder).DecodeHeader(message.Header.Get("Subject"))
	if err != nil {
		return letter{}, fmt.Errorf("the subject of a mail cannot be read: %w", err)
	}
	return letter{message.Header.Get("Message-ID"), strings.Join(raw.To, ", "), subject, string(text)}, nil
}
