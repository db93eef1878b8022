package expr

import (
	"fmt"
	"reflect"
	"strconv"
	"strings"

	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/common/types/traits"
	"cel.dev/cel-go/interpreter"
)

// run is one evaluation: the names CEL may ask for, and how much of the documents may still be walked over.
type run struct {
	scope  *Scope
	budget int
}

func (r *run) Parent() interpreter.Activation { return nil }

// ResolveName yields a root. One that the caller did not set is empty, so that has() can ask about it.
func (r *run) ResolveName(name string) (any, bool) {
	switch name {
	case "data", "event", "source", "headers", "endpoint", "attributes", "response":
	default:
		return nil, false
	}
	if v, plain := r.scope.plain(name); plain {
		return r.value(v), true
	}
	return &celObject{run: r, root: name}, true
}

func (r *run) spend(bytes int) *types.Err {
	if r.budget -= bytes; r.budget < 0 {
		return types.NewErr("too much to read").(*types.Err)
	}
	return nil
}

// value reads one value, and of lists and objects only that they are there.
func (r *run) value(v Value) ref.Val {
	switch v.kind {
	case Null:
		return types.NullValue
	case Bool:
		return types.Bool(v.raw[0] == 't')
	case String:
		if err := r.spend(len(v.raw)); err != nil {
			return err
		}
		return types.String(v.Text())
	case Number:
		return number(v.raw)
	case Array:
		if err := r.spend(8 * len(v.raw)); err != nil {
			return err
		}
		var items []ref.Val
		for item := range v.Items() {
			items = append(items, r.value(item))
		}
		return types.NewRefValList(types.DefaultTypeAdapter, items)
	}
	return &celObject{run: r, json: v}
}

// number is an int where it fits, else a double.
func number(raw []byte) ref.Val {
	if len(raw) <= 20 {
		if n, err := strconv.ParseInt(string(raw), 10, 64); err == nil {
			return types.Int(n)
		}
	}
	if len(raw) > maxDigits {
		return types.NewErr("a number of more than 400 digits")
	}
	f, err := strconv.ParseFloat(string(raw), 64)
	if err != nil {
		return types.NewErr("a number too large to compare")
	}
	return types.Double(f)
}

// celObject is a JSON object, or a whole root of the scope, that CEL reads member by member.
type celObject struct {
	run  *run
	root string // when set, the fields are the scope's
	json Value
}

var _ traits.Mapper = (*celObject)(nil)

func (o *celObject) field(name string) (Value, bool) {
	if o.root != "" {
		step := [1]segment{{name, -1}}
		return o.run.scope.inRoot(o.root, step[:])
	}
	return o.json.Field(name)
}

// whole is the object as JSON.
func (o *celObject) whole() Value {
	if o.root == "" {
		return o.json
	}
	if v, ok := o.run.scope.whole(o.root); ok {
		return v
	}
	return jsonValue([]byte("{}"))
}

func (o *celObject) length() int {
	if o.root == "" {
		return len(o.json.raw)
	}
	return o.run.scope.length(o.root)
}

func (o *celObject) Find(key ref.Val) (ref.Val, bool) {
	name, ok := key.(types.String)
	if !ok {
		return nil, false
	}
	if err := o.run.spend(o.length()); err != nil {
		return err, true
	}
	v, found := o.field(string(name))
	if !found {
		return nil, false
	}
	return o.run.value(v), true
}

func (o *celObject) Get(key ref.Val) ref.Val {
	if v, found := o.Find(key); found {
		return v
	}
	return types.NewErr("no such key: %v", key.Value())
}

func (o *celObject) Contains(key ref.Val) ref.Val {
	v, found := o.Find(key)
	if found && types.IsError(v) {
		return v
	}
	return types.Bool(found)
}

// names lists the members, each once.
func (o *celObject) names() []ref.Val {
	whole := o.whole()
	if o.run.spend(8*len(whole.raw)) != nil {
		return nil
	}
	var names []ref.Val
	seen := map[string]bool{}
	for quoted := range whole.Members() {
		if name := unquote(quoted); !seen[name] {
			seen[name] = true
			names = append(names, types.String(name))
		}
	}
	return names
}

func (o *celObject) Size() ref.Val { return types.Int(len(o.names())) }

func (o *celObject) Iterator() traits.Iterator {
	return types.NewRefValList(types.DefaultTypeAdapter, o.names()).Iterator()
}

func (o *celObject) Equal(other ref.Val) ref.Val {
	m, ok := other.(traits.Mapper)
	if !ok {
		return types.False
	}
	names := o.names()
	if m.Size() != types.Int(len(names)) {
		return types.False
	}
	for _, name := range names {
		mine, _ := o.Find(name)
		theirs, found := m.Find(name)
		if !found {
			return types.False
		}
		if equal := types.Equal(mine, theirs); equal != types.True {
			return equal
		}
	}
	return types.True
}

func (o *celObject) Type() ref.Type { return types.MapType }

func (o *celObject) Value() any { return string(o.whole().raw) }

func (o *celObject) ConvertToType(t ref.Type) ref.Val {
	switch t.TypeName() {
	case types.MapType.TypeName():
		return o
	case types.TypeType.TypeName():
		return types.MapType
	}
	return types.NewErr("an object cannot become %s", t.TypeName())
}

func (o *celObject) ConvertToNative(t reflect.Type) (any, error) {
	return nil, fmt.Errorf("an object cannot become %s", t)
}

// showValue is a value as a reason shows it.
func showValue(v ref.Val) string {
	switch v := v.(type) {
	case types.String:
		return clip(strconv.Quote(string(v)))
	case types.Double:
		return strconv.FormatFloat(float64(v), 'f', -1, 64)
	case types.Null:
		return "null"
	case *celObject:
		return clip(string(appendCompact(nil, v.whole().raw)))
	case traits.Lister:
		var items []string
		for it := v.Iterator(); it.HasNext() == types.True && len(items) < 10; {
			items = append(items, showValue(it.Next()))
		}
		return clip("[" + strings.Join(items, ", ") + "]")
	}
	return clip(fmt.Sprint(v.Value()))
}
