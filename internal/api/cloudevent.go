package api

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"

	"hacek/internal/expr"
	"hacek/internal/hub"
	"hacek/internal/ingest"
)

// A CloudEvent's subject is the key, its id and source the scope of de-duplication; every attribute we have no word
// for is kept in metadata. Data that are no JSON become a JSON text: as they are when they are text, else in base64.

// readCloud reads a CloudEvent in its JSON form.
func readCloud(v expr.Value) (ingest.Input, error) {
	var in ingest.Input
	var wrong hub.Problems
	if v.Kind() != expr.Object {
		wrong.Add("", "is %s, but a CloudEvent is an object", kindName(v))
		return in, wrong.Err()
	}
	attributes := map[string]string{}
	extra := map[string]json.RawMessage{}
	seen := map[string]bool{}
	var data, encoded *expr.Value
	for name, member := range v.Members() {
		plain := unquote(name)
		at := "/" + hub.EscapePointer(plain)
		if seen[plain] {
			wrong.Add(at, "is given twice")
		}
		seen[plain] = true
		switch plain {
		case "data":
			data = &member
		case "data_base64":
			if member.Kind() != expr.Null {
				encoded = &member
			}
		case "specversion", "id", "source", "type", "subject", "time", "datacontenttype":
			if member.Kind() != expr.Null {
				attributes[plain] = textMember(&wrong, at, member)
			}
		default:
			if !isAttribute(plain) {
				wrong.Add(at, "%q is not the name of an attribute: lower-case letters and digits only", hub.Shorten(plain, 60))
			} else if member.Kind() == expr.Object || member.Kind() == expr.Array {
				wrong.Add(at, "is %s, but an attribute is a text, a number or a boolean", kindName(member))
			}
			extra[plain] = member.AppendJSON(nil)
		}
	}
	switch {
	case data != nil && encoded != nil:
		wrong.Add("/data_base64", "stands beside data; only one of them is allowed")
	case data != nil:
		in.Data = data.AppendJSON(nil)
	case encoded != nil:
		raw, err := base64.StdEncoding.DecodeString(textMember(&wrong, "/data_base64", *encoded))
		if err != nil {
			wrong.Add("/data_base64", "is not base64")
		}
		in.Data = asJSON(attributes["datacontenttype"], raw)
	default:
		in.Data = []byte("null")
	}
	fill(&in, &wrong, attributes, extra)
	return in, wrong.Err()
}

// readCloudBinary reads a CloudEvent whose attributes are headers and whose data are the body.
func readCloudBinary(header http.Header, media string, body []byte) (ingest.Input, error) {
	var in ingest.Input
	var wrong hub.Problems
	attributes := map[string]string{}
	extra := map[string]json.RawMessage{}
	for name, values := range header {
		attribute, ok := strings.CutPrefix(strings.ToLower(name), "ce-")
		if !ok {
			continue
		}
		at := "/" + hub.EscapePointer(attribute)
		text, err := headerText(values[0])
		switch {
		case len(values) > 1:
			wrong.Add(at, "is given %d times", len(values))
		case err != nil:
			wrong.Add(at, "%v", err)
		}
		switch attribute {
		case "specversion", "id", "source", "type", "subject", "time":
			attributes[attribute] = text
		default:
			if !isAttribute(attribute) {
				wrong.Add(at, "%q is not the name of an attribute: letters and digits only", hub.Shorten(attribute, 60))
			}
			extra[attribute] = appendText(nil, text)
		}
	}
	attributes["datacontenttype"] = media
	switch {
	case len(bytes.TrimSpace(body)) == 0:
		in.Data = []byte("null")
	case isJSON(media):
		doc, err := parse(body)
		if err != nil {
			return in, err
		}
		in.Data = doc.Raw()
	default:
		in.Data = asJSON(media, body)
	}
	fill(&in, &wrong, attributes, extra)
	return in, wrong.Err()
}

// fill checks the attributes both forms share and gives them our words.
func fill(in *ingest.Input, wrong *hub.Problems, attributes map[string]string, extra map[string]json.RawMessage) {
	if version := attributes["specversion"]; version != "1.0" {
		wrong.Add("/specversion", `is %q; "1.0" is taken`, hub.Shorten(version, 20))
	}
	for _, name := range []string{"id", "source", "type"} {
		if attributes[name] == "" {
			wrong.Add("/"+name, "is missing")
		}
	}
	in.ID, in.Source, in.Type = attributes["id"], attributes["source"], attributes["type"]
	if subject, given := attributes["subject"]; given && subject != "" {
		in.Key = &subject
	}
	if text := attributes["time"]; text != "" {
		in.Time = timeMember(wrong, "/time", expr.TextValue(text))
	}
	if media := attributes["datacontenttype"]; media != "" && !isJSON(media) {
		extra["datacontenttype"] = appendText(nil, media)
	}
	if len(extra) > 0 && len(*wrong) == 0 {
		metadata, err := json.Marshal(extra)
		if err != nil {
			wrong.Add("", "an attribute cannot be kept: %v", err)
		}
		in.Metadata = metadata
	}
}

// asJSON makes JSON of data that came as bytes.
func asJSON(media string, raw []byte) []byte {
	if isJSON(media) {
		if doc, err := expr.ParseDoc(raw); err == nil {
			return doc.Raw()
		}
	}
	if plainBytes(raw) {
		return appendText(nil, string(raw))
	}
	return appendText(nil, base64.StdEncoding.EncodeToString(raw))
}

func isJSON(media string) bool {
	media, _, _ = strings.Cut(media, ";")
	media = strings.ToLower(strings.TrimSpace(media))
	return media == "" || media == "application/json" || media == "text/json" || strings.HasSuffix(media, "+json")
}

func isAttribute(name string) bool {
	for _, c := range []byte(name) {
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') {
			return false
		}
	}
	return name != "" && len(name) <= 64
}

// headerText undoes what the HTTP binding asks for: percent-encoding, and double quotes around the value.
func headerText(value string) (string, error) {
	if len(value) >= 2 && value[0] == '"' && value[len(value)-1] == '"' {
		value = strings.NewReplacer(`\"`, `"`, `\\`, `\`).Replace(value[1 : len(value)-1])
	}
	text, err := url.PathUnescape(value)
	if err != nil {
		return "", hub.Errorf(hub.Invalid, "has a %% that begins no percent-encoded byte")
	}
	if !plainText(text) {
		return "", hub.Errorf(hub.Invalid, "is not plain UTF-8 text")
	}
	return text, nil
}
