package hub

import "time"

// UserPrefix begins the ids of users.
const UserPrefix = "usr_"

// Themes are what a user may see the console in; "" follows the user's system.
func Themes() []string { return []string{"", "light", "dark"} }

// User is a person who signs in to the console. Email is how they sign in; it is unique in the whole installation.
type User struct {
	Name      string     `json:"name"`
	Email     string     `json:"email"`
	Role      Role       `json:"role"`
	Language  string     `json:"language"`  // one of six codes; "" is what the browser asks for
	TimeZone  string     `json:"time_zone"` // IANA name; "" is UTC
	Theme     string     `json:"theme"`
	ExpiresAt *time.Time `json:"expires_at"` // of a helper who was invited for a while; nil: never
}
