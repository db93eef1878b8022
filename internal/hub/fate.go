package hub

// Outcomes of an event at a target, beside the states of a delivery.
const (
	OutcomeHeld    = "held"
	OutcomeSkipped = "skipped"
)

// Fate is what became of an event at one target, and why.
type Fate struct {
	Target   Target
	Outcome  string
	Reason   string
	Delivery *DeliveryID
}
