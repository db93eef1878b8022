// Package receiver is the door for other people's webhooks: a request to /in/{path} is capped, read, verified, answered
// as its sender wants it and handed to ingest. It listens at the addresses that are set up for it.
// It must not know who delivers the events it makes, nor the other doors, nor SQL.
package receiver
