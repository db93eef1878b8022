package hub

import "time"

// Listening is a listener as it is at this moment.
type Listening struct {
	Address string    // where it really listens; "" while it is closed
	Since   time.Time // zero while it is closed
	Problem string    // why it does not listen, or goes on with an old certificate; "" when all is well
	Expires time.Time // of its certificate; zero without one
}

// CertificateWarning is how long before its end a certificate is spoken of.
const CertificateWarning = 30 * 24 * time.Hour

// DaysLeft are the whole days until the certificate ends, once that is near; negative when it has ended.
func (l Listening) DaysLeft(now time.Time) (days int, near bool) {
	left := l.Expires.Sub(now)
	if l.Expires.IsZero() || left > CertificateWarning {
		return 0, false
	}
	if left < 0 {
		return -1, true
	}
	return int(left / (24 * time.Hour)), true
}
