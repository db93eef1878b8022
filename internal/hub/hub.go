// Package hub holds the nouns every other package speaks of - event, target, endpoint, delivery, attempt - with
// their validation and their arithmetic: the delivery state machine, retry schedules, ids, errors and secrets.
// It must not know databases, HTTP, files or the time of day: "now" arrives as an argument.
package hub
