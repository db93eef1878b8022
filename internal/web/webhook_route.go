package web

import "hacek/internal/hub"

// webhookRoutes are the pages that make, change, test and remove outgoing webhooks.
func webhookRoutes() []route {
	const editor, administrator = hub.Editor, hub.Administrator
	return []route{
		{"GET", "/webhooks/new", editor, (*visit).galleryPage, false},
		{"GET", "/webhooks/new/own", editor, (*visit).newWebhookPage, false},
		{"POST", "/webhooks/new/own", editor, (*visit).saveNewWebhook, false},
		{"GET", "/webhooks/new/{pack}/{preset}", editor, (*visit).presetWebhookPage, false},
		{"POST", "/webhooks/new/{pack}/{preset}", editor, (*visit).applyPresetWebhook, false},
		{"GET", "/webhooks/{endpoint}/edit", editor, (*visit).editWebhookPage, false},
		{"POST", "/webhooks/{endpoint}/edit", editor, (*visit).saveWebhook, false},
		{"POST", "/webhooks/{endpoint}/switch", editor, (*visit).switchWebhook, false},
		{"GET", "/webhooks/{endpoint}/delete", editor, (*visit).deleteWebhookPage, false},
		{"POST", "/webhooks/{endpoint}/delete", editor, (*visit).deleteWebhook, false},
		{"GET", "/webhooks/{endpoint}/secret", administrator, (*visit).webhookSecretPage, false},
		{"POST", "/webhooks/{endpoint}/secret", administrator, (*visit).readWebhookSecret, false},
		{"POST", "/webhooks/{endpoint}/rotate", administrator, (*visit).rotateWebhookSecret, false},
	}
}
