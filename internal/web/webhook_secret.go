package web

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"hacek/internal/hub"
)

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

// webhookSecretView is what webhook_secret.html shows: the signing secret, for administrators.
type webhookSecretView struct {
	ID, Name     string
	Secret       string // "" until it is asked for
	PublicKey    string
	Retired      []string // until when old secrets still sign
	Signs        bool
	Show, Rotate *Form
}

func (v *visit) webhookSecretPage() error { return v.showWebhookSecret("", nil) }

func (v *visit) showWebhookSecret(secret string, refusal error) error {
	t, err := v.Settings.Endpoint(v.ctx(), v.tenant(), v.r.PathValue("endpoint"))
	if err != nil {
		return err
	}
	sig, path := &t.Endpoint.Signature, targetPath(&t)
	page := webhookSecretView{ID: refOf(&t), Name: t.Name, Secret: secret, PublicKey: sig.PublicKey, Signs: !sig.Secret.IsZero(), Show: v.newForm(path+"/secret", nil)}
	for _, old := range sig.Previous {
		if old.ExpiresAt.After(v.moment) {
			page.Retired = append(page.Retired, v.lang.Moment(old.ExpiresAt, v.zone))
		}
	}
	page.Rotate = v.newForm(path+"/rotate", refusal,
		Field{Name: "overlap", Pointer: "/overlap", Label: v.lang.Text("web_webhook.overlap"), Hint: v.lang.Text("web_webhook.overlap_hint"), Value: "1d", Required: true},
		Field{Name: "secret", Pointer: "/secret", Label: v.lang.Text("web_webhook.secret_own"), Hint: v.lang.Text("web_webhook.secret_own_hint"), Type: "password", Autocomplete: "off", Mono: true})
	title := v.lang.Text("web_webhook.secret_title")
	if refusal != nil {
		return v.refuse(refusal, "webhook_secret", title, page)
	}
	return v.show("webhook_secret", title, page)
}

// showSecret reads it out; that somebody looked is in the change history.
func (v *visit) readWebhookSecret() error {
	secret, err := v.Settings.Secret(v.ctx(), v.tenant(), v.r.PathValue("endpoint"), v.by())
	if err != nil {
		return err
	}
	return v.showWebhookSecret(secret, nil)
}

func (v *visit) rotateWebhookSecret() error {
	overlap, err := hub.ParseDuration(strings.TrimSpace(v.form("overlap")))
	if err != nil {
		var wrong hub.Problems
		wrong.Add("/overlap", "%v", err)
		return v.showWebhookSecret("", wrong.Err())
	}
	t, err := v.Settings.RotateSecret(v.ctx(), v.tenant(), v.r.PathValue("endpoint"), v.form("secret"), overlap.D(), v.by())
	if err != nil {
		if ours(err) {
			return err
		}
		return v.showWebhookSecret("", err)
	}
	return v.goTo(targetPath(&t)+"/secret", "web_webhook.rotated")
}

// switchWebhook turns it off or on.
func (v *visit) switchWebhook() error {
	on := v.form("to") == "on"
	patch, err := json.Marshal(map[string]bool{"active": on})
	if err != nil {
		return err
	}
	t, err := v.Settings.PatchEndpoint(v.ctx(), v.tenant(), v.r.PathValue("endpoint"), patch, "", v.by())
	if err != nil {
		return err
	}
	key := "web_webhook.switched_off"
	if on {
		key = "web_webhook.switched_on"
	}
	return v.goTo(targetPath(&t), key, "name", t.Name)
}

// webhookDeleteView is what webhook_delete.html shows: what deleting would cost, before it is done.
type webhookDeleteView struct {
	ID, Name string
	Waiting  int64
	Form     *Form
}

func (v *visit) deleteWebhookPage() error {
	t, err := v.Settings.Endpoint(v.ctx(), v.tenant(), v.r.PathValue("endpoint"))
	if err != nil {
		return err
	}
	page := webhookDeleteView{ID: refOf(&t), Name: t.Name, Form: v.newForm(targetPath(&t)+"/delete", nil)}
	page.Form.ETag = v.Settings.ETag(t)
	if page.Waiting, _, err = v.Store.Waiting(v.ctx(), t.No); err != nil {
		return err
	}
	return v.show("webhook_delete", v.lang.Text("web_webhook.delete_title", "name", t.Name), page)
}

func (v *visit) deleteWebhook() error {
	t, err := v.Settings.Endpoint(v.ctx(), v.tenant(), v.r.PathValue("endpoint"))
	if err != nil {
		return err
	}
	if err := v.Settings.DeleteEndpoint(v.ctx(), v.tenant(), refOf(&t), v.form("etag"), v.by()); err != nil {
		return err
	}
	return v.goTo("/webhooks", "web_webhook.deleted", "name", t.Name)
}
