package web

import "hacek/internal/hub"

// historyRoutes are the pages of what has happened: search, events, deliveries, replays.
func historyRoutes() []route {
	const viewer, operator, editor = hub.Viewer, hub.Operator, hub.Editor
	return []route{
		{"GET", "/search", viewer, (*visit).searchPage, false},
		{"GET", "/s/{token}", "", (*visit).sharedPage, true},
		{"POST", "/share", operator, (*visit).shareTimeline, false},

		{"GET", "/events", viewer, (*visit).eventsPage, false},
		{"GET", "/events/new", operator, (*visit).newEventPage, false},
		{"POST", "/events/new", operator, (*visit).publishEvent, false},
		{"POST", "/events/new/several", operator, (*visit).publishSeveral, false},
		{"GET", "/events/{event}", viewer, (*visit).eventPage, false},
		{"POST", "/events/{event}/replay", operator, (*visit).replayEvent, false},

		{"GET", "/deliveries", viewer, (*visit).deliveriesPage, false},
		{"POST", "/deliveries/bulk", operator, (*visit).bulkDeliveries, false},
		{"GET", "/deliveries/{delivery}", viewer, (*visit).deliveryPage, false},
		{"POST", "/deliveries/{delivery}/again", operator, (*visit).sendAgain, false},
		{"POST", "/deliveries/{delivery}/cancel", operator, (*visit).cancelDelivery, false},
		{"GET", "/deliveries/{delivery}/edit", editor, (*visit).editDeliveryPage, false},
		{"POST", "/deliveries/{delivery}/edit", editor, (*visit).resendEdited, false},

		{"GET", "/replay", operator, (*visit).replayPage, false},
		{"POST", "/replay", operator, (*visit).startReplay, false},
		{"GET", "/replay/{replay}", viewer, (*visit).oneReplayPage, false},
	}
}
