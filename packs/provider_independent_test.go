package packs

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"hash/crc32"
	"math/big"
	"net/http"
	"strings"
	"testing"
	"time"

	"hacek/internal/signature"
)

// A second implementation, provider by provider, from the published rules and without the engine. It signs; the engine
// must take what it signed, and nothing that was changed afterwards.

func hmac256(key, text string) []byte {
	h := hmac.New(sha256.New, []byte(key))
	h.Write([]byte(text))
	return h.Sum(nil)
}

func hmac1(key, text string) []byte {
	h := hmac.New(sha1.New, []byte(key))
	h.Write([]byte(text))
	return h.Sum(nil)
}

func b64(raw []byte) string { return base64.StdEncoding.EncodeToString(raw) }

type signedRequest struct {
	method, url, body string
	headers           map[string]string
	secret            string
	settings          map[string]string
	certificates      string
	roots             *x509.CertPool
}

const anyURL = "https://hub.example/in/x"

// theirs signs as the provider does, at a time.
func theirs(t *testing.T, name string, at time.Time) signedRequest {
	unix := fmt.Sprint(at.Unix())
	r := signedRequest{method: "POST", url: anyURL, body: `{"číslo":"2018000057","<&>":[1.50]}`, secret: "tajný klíč 7", headers: map[string]string{"Content-Type": "application/json"}}
	switch name {
	case "shoptet":
		r.headers["Shoptet-Webhook-Signature"] = hex.EncodeToString(hmac1(r.secret, r.body))
	case "stripe":
		r.headers["Stripe-Signature"] = "t=" + unix + ",v0=00,v1=" + hex.EncodeToString(hmac256(r.secret, unix+"."+r.body))
	case "shopify":
		r.headers["X-Shopify-Hmac-Sha256"] = b64(hmac256(r.secret, r.body))
	case "woocommerce":
		r.headers["X-WC-Webhook-Signature"] = b64(hmac256(r.secret, r.body))
	case "github", "meta":
		r.headers["X-Hub-Signature-256"] = "sha256=" + hex.EncodeToString(hmac256(r.secret, r.body))
	case "gitlab":
		r.headers["X-Gitlab-Token"] = r.secret
	case "slack":
		r.headers["X-Slack-Request-Timestamp"] = unix
		r.headers["X-Slack-Signature"] = "v0=" + hex.EncodeToString(hmac256(r.secret, "v0:"+unix+":"+r.body))
	case "zoom":
		r.headers["x-zm-request-timestamp"] = unix
		r.headers["x-zm-signature"] = "v0=" + hex.EncodeToString(hmac256(r.secret, "v0:"+unix+":"+r.body))
	case "microsoft-graph", "business-central":
		r.body = `{"value":[{"clientState":"` + r.secret + `","resource":"users/1"},{"resource":"users/2","clientState":"` + r.secret + `"}]}`
	case "okta":
		r.headers["Authorization"] = r.secret
	case "x":
		r.headers["x-twitter-webhooks-signature"] = "sha256=" + b64(hmac256(r.secret, r.body))
	case "cloudevents":
		r.headers["Authorization"] = "Bearer " + r.secret
	case "standard-webhooks", "svix":
		key := strings.Repeat("k", 32)
		r.secret = "whsec_" + b64([]byte(key))
		prefix := map[string]string{"svix": "svix-"}[name]
		if prefix == "" {
			prefix = "webhook-"
		}
		r.headers[prefix+"id"], r.headers[prefix+"timestamp"] = "msg_1", unix
		r.headers[prefix+"signature"] = "v1,AAAA v1," + b64(hmac256(key, "msg_1."+unix+"."+r.body))
	case "bigcommerce":
		r.headers["webhook-id"], r.headers["webhook-timestamp"] = "msg_1", unix
		r.headers["webhook-signature"] = "v1," + b64(hmac256(r.secret, "msg_1."+unix+"."+r.body))
	case "adyen":
		key := []byte{1, 2, 3, 250}
		r.secret = "010203FA"
		sign := func(text string) string { return b64(hmac256(string(key), text)) }
		r.body = `{"live":"true","notificationItems":[` +
			`{"NotificationRequestItem":{"pspReference":"P1","merchantAccountCode":"A","merchantReference":"ref:with:colons","amount":{"value":1299,"currency":"CZK"},"eventCode":"AUTHORISATION","success":"true","additionalData":{"hmacSignature":"` + sign("P1::A:ref:with:colons:1299:CZK:AUTHORISATION:true") + `"}}},` +
			`{"NotificationRequestItem":{"pspReference":"P2","originalReference":"P1","merchantAccountCode":"A","merchantReference":"R","amount":{"value":5,"currency":"CZK"},"eventCode":"REFUND","success":"false","additionalData":{"hmacSignature":"` + sign("P2:P1:A:R:5:CZK:REFUND:false") + `"}}}]}`
	case "aftership":
		r.headers["am-webhook-signature"] = b64(hmac256(r.secret, r.body))
	case "docusign":
		r.headers["X-DocuSign-Signature-1"] = b64(hmac256("an older key", r.body))
		r.headers["X-DocuSign-Signature-2"] = b64(hmac256(r.secret, r.body))
	case "easypost":
		r.headers["X-Hmac-Signature"] = "hmac-sha256-hex=" + hex.EncodeToString(hmac256("tajny\u0301 kli\u0301c\u030c 7", r.body))
	case "hubspot":
		ms := fmt.Sprint(at.UnixMilli())
		r.headers["X-HubSpot-Request-Timestamp"] = ms
		r.headers["X-HubSpot-Signature-v3"] = b64(hmac256(r.secret, "POST"+anyURL+r.body+ms))
	case "mailgun":
		r.body = `{"signature":{"timestamp":"` + unix + `","token":"tok","signature":"` + hex.EncodeToString(hmac256(r.secret, unix+"tok")) + `"},"event-data":{"event":"opened"}}`
	case "quickbooks":
		r.headers["intuit-signature"] = b64(hmac256(r.secret, r.body))
	case "salesforce":
		r.secret = "00D000000000001EAA"
		r.headers["Content-Type"] = "text/xml"
		r.body = `<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body><notifications xmlns="http://soap.sforce.com/2005/09/outbound"><OrganizationId>00D000000000001EAA</OrganizationId><Notification><Id>1</Id></Notification><Notification><Id>2</Id></Notification></notifications></s:Body></s:Envelope>`
	case "sendcloud":
		r.headers["Sendcloud-Signature"] = hex.EncodeToString(hmac256(r.secret, r.body))
	case "sendgrid":
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		wantNil(t, err)
		der, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
		wantNil(t, err)
		r.secret = b64(der)
		sum := sha256.Sum256([]byte(unix + r.body))
		sig, err := ecdsa.SignASN1(rand.Reader, key, sum[:])
		wantNil(t, err)
		r.headers["X-Twilio-Email-Event-Webhook-Timestamp"], r.headers["X-Twilio-Email-Event-Webhook-Signature"] = unix, b64(sig)
	case "square":
		r.headers["x-square-hmacsha256-signature"] = b64(hmac256(r.secret, anyURL+r.body))
	case "twilio":
		r.headers["Content-Type"] = "application/x-www-form-urlencoded"
		r.body = "To=%2B420&Body=p%C5%99%C3%ADli%C5%A1&AccountSid=A&To=%2B420"
		r.url = anyURL + "?a=1"
		r.headers["X-Twilio-Signature"] = b64(hmac1(r.secret, "https://hub.example:443/in/x?a=1"+"AccountSidA"+"Bodypříliš"+"To+420"))
	case "xero":
		r.headers["x-xero-signature"] = b64(hmac256(r.secret, r.body))
	case "zendesk":
		stamp := at.UTC().Format(time.RFC3339)
		r.headers["X-Zendesk-Webhook-Signature-Timestamp"] = stamp
		r.headers["X-Zendesk-Webhook-Signature"] = b64(hmac256(r.secret, stamp+r.body))
	case "abra-flexi":
		r.headers["X-FB-Hook-SecKey"] = r.secret
	case "comgate":
		r.headers["Content-Type"] = "application/x-www-form-urlencoded"
		r.secret = "tajne+heslo"
		r.body = "transId=AB12&status=PAID&secret=tajne%2Bheslo"
	case "inpost":
	case "paypal":
		key, certificate, roots := authority(t, "messageverificationcerts.paypal.com", at)
		r.secret, r.certificates, r.roots = "", certificate, roots
		r.settings = map[string]string{"webhook_id": "WH-1"}
		stamp := at.UTC().Format(time.RFC3339)
		r.headers["PAYPAL-TRANSMISSION-ID"], r.headers["PAYPAL-TRANSMISSION-TIME"], r.headers["PAYPAL-AUTH-ALGO"] = "id-1", stamp, "SHA256withRSA"
		r.headers["PAYPAL-CERT-URL"] = "https://api.paypal.com/v1/notifications/certs/CERT-1"
		text := fmt.Sprintf("id-1|%s|WH-1|%d", stamp, crc32.ChecksumIEEE([]byte(r.body)))
		r.headers["PAYPAL-TRANSMISSION-SIG"] = b64(rsaSign(t, key, text))
	case "aws-sns":
		key, certificate, roots := authority(t, "sns.amazonaws.com", at)
		r.secret, r.certificates, r.roots = "", certificate, roots
		r.settings = map[string]string{"topic_arns": "arn:aws:sns:eu-central-1:1:other, arn:aws:sns:eu-central-1:1:orders"}
		r.body = snsBody(t, key, map[string]string{"Type": "Notification", "MessageId": "m-1", "TopicArn": "arn:aws:sns:eu-central-1:1:orders", "Message": "line 1\nline 2 č", "Timestamp": "2026-12-01T00:00:00.000Z"})
	default:
		return signedRequest{}
	}
	return r
}

// snsBody signs the fields as Amazon does, in alphabetical order.
func snsBody(t *testing.T, key *rsa.PrivateKey, fields map[string]string) string {
	t.Helper()
	text := ""
	for _, name := range []string{"Message", "MessageId", "Subject", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"} {
		if value, has := fields[name]; has {
			text += name + "\n" + value + "\n"
		}
	}
	return snsEnvelope(t, fields, rsaSign(t, key, text))
}

func snsEnvelope(t *testing.T, fields map[string]string, sig []byte) string {
	t.Helper()
	all := map[string]string{"Signature": b64(sig), "SignatureVersion": "2",
		"SigningCertURL": "https://sns.eu-central-1.amazonaws.com/SimpleNotificationService-" + strings.Repeat("0a", 16) + ".pem"}
	for name, value := range fields {
		all[name] = value
	}
	body, err := json.Marshal(all)
	wantNil(t, err)
	return string(body)
}

func rsaSign(t *testing.T, key *rsa.PrivateKey, text string) []byte {
	t.Helper()
	sum := sha256.Sum256([]byte(text))
	sig, err := rsa.SignPKCS1v15(nil, key, crypto.SHA256, sum[:])
	wantNil(t, err)
	return sig
}

// authority makes an issuer of its own and a certificate of that name, with its issuer behind it in the file.
func authority(t *testing.T, name string, at time.Time) (*rsa.PrivateKey, string, *x509.CertPool) {
	t.Helper()
	issue := func(number int64, name string, ca bool, key crypto.Signer, parent *x509.Certificate, signer crypto.Signer) *x509.Certificate {
		template := &x509.Certificate{
			SerialNumber: big.NewInt(number), Subject: pkix.Name{CommonName: name}, NotBefore: at.Add(-time.Hour), NotAfter: at.Add(time.Hour),
			IsCA: ca, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		}
		if !ca {
			template.DNSNames = []string{name}
		}
		if parent == nil {
			parent, signer = template, key
		}
		der, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), signer)
		wantNil(t, err)
		certificate, err := x509.ParseCertificate(der)
		wantNil(t, err)
		return certificate
	}
	authorityKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	wantNil(t, err)
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	wantNil(t, err)
	root := issue(1, "Root of the test", true, authorityKey, nil, nil)
	issuer := issue(2, "Issuer of the test", true, authorityKey, root, authorityKey)
	leaf := issue(3, name, false, key, issuer, authorityKey)
	var file strings.Builder
	for _, c := range []*x509.Certificate{leaf, issuer} {
		wantNil(t, pem.Encode(&file, &pem.Block{Type: "CERTIFICATE", Bytes: c.Raw}))
	}
	roots := x509.NewCertPool()
	roots.AddCert(root)
	return key, file.String(), roots
}

func wantNil(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func (r *signedRequest) incoming(at time.Time) *signature.Incoming {
	in := &signature.Incoming{Method: r.method, URL: r.url, Body: []byte(r.body), Header: http.Header{}, Settings: r.settings, At: at, Certificates: []byte(r.certificates), Roots: r.roots}
	for name, value := range r.headers {
		in.Header.Set(name, value)
	}
	return in
}

var noon = time.Date(2026, 12, 1, 12, 0, 0, 0, time.UTC)

func TestM2_ASecondImplementationAgreesAboutEveryProvider(t *testing.T) {
	all, err := Providers()
	wantNil(t, err)
	agreed := 0
	for _, p := range all {
		r := theirs(t, p.Name, noon)
		if r.method == "" {
			t.Logf("%s has its vectors and no second implementation", p.Name)
			continue
		}
		agreed++
		v := verifier(t, p.Name)
		in := r.incoming(noon)
		if got := v.Verify(in, []string{"another secret!", r.secret}); !got.OK {
			t.Errorf("%s: got %s", p.Name, got.Why)
		}
		if p.Scheme.Kind == "none" {
			continue
		}
		if r.secret != "" {
			if got := v.Verify(in, []string{otherSecret(r.secret)}); got.OK {
				t.Errorf("%s: another secret is taken", p.Name)
			}
		}
		if p.Scheme.Kind == "token" || p.Name == "mailgun" {
			continue // the content is not signed there
		}
		address := strings.Index(r.body, "https://sns.") // of the certificate that was fetched, which is given here
		for i := range in.Body {
			if p.Name == "aws-sns" && i >= address && i < address+100 || in.Body[i] < '0' || in.Body[i] > '9' {
				continue
			}
			in.Body[i] ^= 1
			in.Terse = true
			if got := v.Verify(in, []string{r.secret}); got.OK {
				t.Errorf("%s: byte %d may be another", p.Name, i)
			}
			in.Body[i] ^= 1
		}
		for name := range r.headers { // every byte of a signed header
			if name == "Content-Type" {
				continue
			}
			value := []byte(in.Header.Get(name))
			for i := range value {
				value[i] ^= 1
				in.Header.Set(name, string(value))
				if got := v.Verify(in, []string{r.secret}); got.OK && !unsignedByte(p.Name, name, i) {
					t.Errorf("%s: byte %d of %s may be another", p.Name, i, name)
				}
				value[i] ^= 1
			}
			in.Header.Set(name, string(value))
		}
	}
	if agreed < 36 {
		t.Errorf("only %d providers have a second implementation", agreed)
	}
}

// unsignedByte: bytes of lists that belong to other signatures than the right one.
func unsignedByte(provider, header string, i int) bool {
	switch header {
	case "Stripe-Signature":
		return i >= len("t=1796126400,") && i < len("t=1796126400,v0=00")
	case "webhook-signature", "svix-signature":
		return i < len("v1,AAAA")
	case "X-DocuSign-Signature-1":
		return true
	case "PAYPAL-CERT-URL": // the certificate that was fetched is given
		return provider == "paypal"
	}
	return false
}

// The text that PayPal signed for its own example; the certificate behind it is not public.
func TestM2_PayPalsOwnText(t *testing.T) {
	for _, example := range vectorsOf(t, "paypal") {
		if example.StringToSign == "" {
			continue
		}
		key, certificate, roots := authority(t, "messageverificationcerts.paypal.com", noon)
		in, _ := example.request()
		in.At, in.Certificates, in.Roots = noon, []byte(certificate), roots
		in.Header.Set("PAYPAL-TRANSMISSION-SIG", b64(rsaSign(t, key, example.StringToSign)))
		if got := verifier(t, "paypal").Verify(in, nil); !got.OK {
			t.Errorf("the signed text is another one than %s: %s", example.StringToSign, got.Why)
		}
		return
	}
	t.Error("no vector with string_to_sign")
}

// One signed text must not be readable as another message: the attacker's own topic signs the text for him.
func TestRule9_ASignedSNSMessageCannotBeReadAsAnother(t *testing.T) {
	key, certificate, roots := authority(t, "sns.amazonaws.com", noon)
	const victim = "arn:aws:sns:eu-central-1:1:orders"
	real := map[string]string{"Type": "Notification", "MessageId": "m-9", "TopicArn": "arn:aws:sns:eu-central-1:666:evil", "Timestamp": "2026-12-01T00:00:00.000Z",
		"Message": "pay\nMessageId\nfake\nTimestamp\n2026-12-01T00:00:00.000Z\nTopicArn\n" + victim + "\nType\nNotification"}
	text := "Message\n" + real["Message"] + "\nMessageId\nm-9\nTimestamp\n" + real["Timestamp"] + "\nTopicArn\n" + real["TopicArn"] + "\nType\nNotification\n"
	forged := map[string]string{"Message": "pay", "MessageId": "fake", "Timestamp": "2026-12-01T00:00:00.000Z", "TopicArn": victim,
		"Type": "Notification\nMessageId\nm-9\nTimestamp\n" + real["Timestamp"] + "\nTopicArn\n" + real["TopicArn"] + "\nType\nNotification"}
	in := &signature.Incoming{Method: "POST", URL: anyURL, Header: http.Header{}, At: noon, Certificates: []byte(certificate), Roots: roots,
		Settings: map[string]string{"topic_arns": victim}, Body: []byte(snsEnvelope(t, forged, rsaSign(t, key, text)))}
	v := verifier(t, "aws-sns")
	if got := v.Verify(in, nil); got.OK || !strings.Contains(got.Why, "separates") {
		t.Errorf("a message of another topic is taken: %+v", got)
	}
	in.Body = []byte(snsEnvelope(t, real, rsaSign(t, key, text)))
	if got := v.Verify(in, nil); got.OK || !strings.Contains(got.Why, "topic_arns") {
		t.Errorf("a topic that is not listed: %+v", got)
	}
	in.Settings = nil
	if got := v.Verify(in, nil); got.OK || !strings.Contains(got.Why, "topic_arns is missing") {
		t.Errorf("without topics: %+v", got)
	}
}
