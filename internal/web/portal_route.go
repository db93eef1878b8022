package web

import "hacek/internal/hub"

// portalRoutes is the only list of what a tenant's customer can reach, below the portal's root: the pages of webhooks
// and of their deliveries as the console has them, and the way in and out. Anything else is not there.
func portalRoutes() []route {
	const viewer, operator, editor = hub.Viewer, hub.Operator, hub.Editor
	return []route{
		{"GET", "/{$}", "", (*visit).portalEntryPage, true},
		{"POST", "/enter", "", (*visit).enterPortal, true},
		{"POST", "/leave", "", (*visit).leavePortal, true},
		{"GET", "/theme.css", "", (*visit).portalTheme, true},
		{"GET", "/logo", "", (*visit).portalLogo, true},
		{"POST", "/language", viewer, (*visit).speakPortal, false},
		{"GET", "/stream", viewer, (*visit).stream, false},

		{"GET", "/webhooks", viewer, (*visit).webhooksPage, false},
		{"GET", "/webhooks/new", editor, (*visit).galleryPage, false},
		{"GET", "/webhooks/new/own", editor, (*visit).newWebhookPage, false},
		{"POST", "/webhooks/new/own", editor, (*visit).saveNewWebhook, false},
		{"GET", "/webhooks/new/{pack}/{preset}", editor, (*visit).presetWebhookPage, false},
		{"POST", "/webhooks/new/{pack}/{preset}", editor, (*visit).applyPresetWebhook, false},
		{"GET", "/webhooks/{endpoint}", viewer, (*visit).webhookPage, false},
		{"GET", "/webhooks/{endpoint}/edit", editor, (*visit).editWebhookPage, false},
		{"POST", "/webhooks/{endpoint}/edit", editor, (*visit).saveWebhook, false},
		{"POST", "/webhooks/{endpoint}/pause", operator, (*visit).pauseWebhook, false},
		{"POST", "/webhooks/{endpoint}/resume", operator, (*visit).resumeWebhook, false},
		{"POST", "/webhooks/{endpoint}/switch", editor, (*visit).switchWebhook, false},
		{"GET", "/webhooks/{endpoint}/delete", editor, (*visit).deleteWebhookPage, false},
		{"POST", "/webhooks/{endpoint}/delete", editor, (*visit).deleteWebhook, false},
		// It is the customer's own receiver that checks the signature.
		{"GET", "/webhooks/{endpoint}/secret", editor, (*visit).webhookSecretPage, false},
		{"POST", "/webhooks/{endpoint}/secret", editor, (*visit).readWebhookSecret, false},
		{"POST", "/webhooks/{endpoint}/rotate", editor, (*visit).rotateWebhookSecret, false},

		{"GET", "/deliveries", viewer, (*visit).deliveriesPage, false},
		{"GET", "/deliveries/{delivery}", viewer, (*visit).deliveryPage, false},
		{"POST", "/deliveries/{delivery}/again", operator, (*visit).sendAgain, false},
	}
}
