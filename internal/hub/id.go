package hub

import (
	"database/sql/driver"
	"encoding/base32"
	"encoding/binary"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"
)

// ID is a UUIDv7: 16 bytes inside, a prefix and 26 lower-case Crockford base32 letters outside ("evt_01h...").
type ID [16]byte

// The prefix says what an id belongs to, so that a wrong one pasted into a URL is caught with a clear error.
const (
	EventPrefix    = "evt_"
	DeliveryPrefix = "dlv_"
	AttemptPrefix  = "att_"
	EndpointPrefix = "ep_"
	PipelinePrefix = "pip_"
	TenantPrefix   = "tnt_"
	KeyPrefix      = "key_"
	ReplayPrefix   = "rpl_"
	SourcePrefix   = "src_"
	RequestPrefix  = "req_"
	ConnPrefix     = "con_"
	TablePrefix    = "tbl_"
	ListenerPrefix = "lis_"
)

var crockford = base32.NewEncoding("0123456789abcdefghjkmnpqrstvwxyz").WithPadding(base32.NoPadding)

// NewID returns an id that sorts after those made earlier in this process.
func NewID() ID {
	id, err := uuid.NewV7()
	if err != nil {
		panic(fmt.Sprintf("BUG: no random numbers: %v", err))
	}
	return ID(id)
}

// IsZero reports the absent id.
func (id ID) IsZero() bool { return id == ID{} }

// Time is the millisecond at which the id was made.
func (id ID) Time() time.Time {
	return time.UnixMilli(int64(binary.BigEndian.Uint64(id[:8]) >> 16)).UTC()
}

// Text is the id as the outside sees it.
func (id ID) Text(prefix string) string { return encode(prefix, id[:]) }

// encode writes an id without a second copy: several are written for every delivery.
func encode(prefix string, raw []byte) string {
	var room [96]byte
	return string(crockford.AppendEncode(append(room[:0], prefix...), raw))
}

// ParseID reads what Text wrote; another prefix or another length is an error that says so.
func ParseID(prefix, text string) (ID, error) {
	raw, err := decodeText(prefix, text)
	if err != nil {
		return ID{}, err
	}
	if len(raw) != len(ID{}) {
		return ID{}, Errorf(NotFound, "%q is not an id of the form %s...", text, prefix)
	}
	return ID(raw), nil
}

func decodeText(prefix, text string) ([]byte, error) {
	rest, ok := strings.CutPrefix(text, prefix)
	if !ok {
		return nil, Errorf(NotFound, "%q is not an id of the form %s...", text, prefix)
	}
	raw, err := crockford.DecodeString(rest)
	if err != nil || crockford.EncodeToString(raw) != rest {
		return nil, Errorf(NotFound, "%q is not an id of the form %s...", text, prefix)
	}
	return raw, nil
}

// Value and Scan store the 16 bytes as they are.
func (id ID) Value() (driver.Value, error) { return id[:], nil }

// Scan reads the 16 bytes back; NULL is the absent id.
func (id *ID) Scan(src any) error {
	switch b := src.(type) {
	case nil:
		*id = ID{}
		return nil
	case []byte:
		if len(b) == len(id) {
			copy(id[:], b)
			return nil
		}
	}
	return fmt.Errorf("scan id: got %T of another length", src)
}

// DeliveryID names one delivery for good: this event, owed to this target, for the gen-th time (0 is the first,
// a replay adds one). It needs no row of its own to be decoded.
type DeliveryID struct {
	Event  ID
	Target int64
	Gen    int
}

// Text is "dlv_" and the three parts.
func (d DeliveryID) Text() string {
	return encode(DeliveryPrefix, d.bytes())
}

// Attempt is the id of this delivery's n-th attempt, counted from 1.
func (d DeliveryID) Attempt(n int) string {
	return encode(AttemptPrefix, binary.AppendUvarint(d.bytes(), uint64(n)))
}

func (d DeliveryID) bytes() []byte {
	b := make([]byte, 0, 32)
	b = append(b, d.Event[:]...)
	b = binary.AppendUvarint(b, uint64(d.Target))
	return binary.AppendUvarint(b, uint64(d.Gen))
}

// ParseDeliveryID reads what DeliveryID.Text wrote.
func ParseDeliveryID(text string) (DeliveryID, error) {
	raw, err := decodeText(DeliveryPrefix, text)
	if err != nil {
		return DeliveryID{}, err
	}
	if len(raw) > len(ID{}) {
		d := DeliveryID{Event: ID(raw[:16])}
		rest := raw[16:]
		target, n := binary.Uvarint(rest)
		if n > 0 {
			gen, m := binary.Uvarint(rest[n:])
			if m > 0 && n+m == len(rest) {
				d.Target, d.Gen = int64(target), int(gen)
				return d, nil
			}
		}
	}
	return DeliveryID{}, Errorf(NotFound, "%q is not the id of a delivery", text)
}
