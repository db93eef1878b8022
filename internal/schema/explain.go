package schema

import (
	"fmt"
	"math/big"
	"strconv"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/santhosh-tekuri/jsonschema/v6/kind"
	"golang.org/x/text/language"
	"golang.org/x/text/message"

	"hacek/internal/hub"
)

// Explain adds what breaks one rule, for a person who has never seen a schema. at is the place of the value; a field that is
// missing, and one that may not be there, has its own.
func Explain(p *hub.Problems, at string, rule jsonschema.ErrorKind) {
	switch k := rule.(type) {
	case *kind.Required:
		for _, name := range k.Missing {
			p.Add(at+"/"+hub.EscapePointer(name), "is missing")
		}
	case *kind.AdditionalProperties:
		for _, name := range k.Properties {
			p.Add(at+"/"+hub.EscapePointer(name), "is not allowed here")
		}
	case *kind.Type:
		p.Add(at, "is of type %s, but must be of type %s", k.Got, strings.Join(k.Want, ", "))
	case *kind.Enum:
		p.Add(at, "must be one of %s", values(k.Want))
	case *kind.Const:
		p.Add(at, "must be one of %s", values([]any{k.Want}))
	case *kind.Pattern:
		p.Add(at, "does not have the form %s", k.Want)
	case *kind.Format:
		p.Add(at, "does not have the format %s", k.Want)
	case *kind.MinLength:
		p.Add(at, "has fewer characters than %d", k.Want)
	case *kind.MaxLength:
		p.Add(at, "has more characters than %d", k.Want)
	case *kind.MinItems:
		p.Add(at, "has fewer entries than %d", k.Want)
	case *kind.MaxItems:
		p.Add(at, "has more entries than %d", k.Want)
	case *kind.UniqueItems:
		p.Add(at, "has the same entry twice")
	case *kind.Minimum:
		p.Add(at, "is less than %s", number(k.Want))
	case *kind.Maximum:
		p.Add(at, "is more than %s", number(k.Want))
	case *kind.ExclusiveMinimum:
		p.Add(at, "must be more than %s", number(k.Want))
	case *kind.ExclusiveMaximum:
		p.Add(at, "must be less than %s", number(k.Want))
	default: // rules that hardly any schema has
		p.Add(at, "%s", rule.LocalizedString(message.NewPrinter(language.English)))
	}
}

func values(list []any) string {
	texts := make([]string, len(list))
	for i, v := range list {
		texts[i] = fmt.Sprint(v)
	}
	return strings.Join(texts, ", ")
}

// number is a bound as it was written, however many digits it has.
func number(r *big.Rat) string {
	if r.IsInt() {
		return r.Num().String()
	}
	f, _ := r.Float64()
	return strconv.FormatFloat(f, 'f', -1, 64)
}
