package hub

import "time"

// Drivers of connections.
const (
	DriverPostgres = "postgres"
	DriverMySQL    = "mysql" // MariaDB too
	DriverSQLite   = "sqlite"
)

// Connection is the way to one of their databases.
type Connection struct {
	Name        string `json:"name"`
	Driver      string `json:"driver"`
	DSN         Secret `json:"dsn"`
	Description string `json:"description"`
}

// Secrets lists every secret with its JSON Pointer.
func (c *Connection) Secrets() map[string]*Secret { return map[string]*Secret{"/dsn": &c.DSN} }

// TranslationTable turns their words into ours.
type TranslationTable struct {
	Name        string            `json:"name"`
	Entries     map[string]string `json:"entries"`
	Default     *string           `json:"default"` // of unknown words; null: stop and ask
	Description string            `json:"description"`
}

// Rooms of the console that a listener may serve.
const (
	ServesReceiver = "receiver"
	ServesConsole  = "console"
	ServesAPI      = "api"
	ServesPortal   = "portal"
)

// Listener is one address the hub listens at, beside the one of its start.
type Listener struct {
	Name           string   `json:"name"`
	Address        string   `json:"address"`     // host:port
	Certificate    string   `json:"certificate"` // file, PEM; read again when it changes
	Key            string   `json:"key"`         // file, PEM
	Serves         []string `json:"serves"`
	PublicURL      string   `json:"public_url"`
	TrustedProxies []string `json:"trusted_proxies"` // networks whose X-Forwarded-* are believed
	Active         bool     `json:"active"`
}

// Object is one thing that is set up and is no target: what all of them have in common.
type Object struct {
	No        int64
	ID        ID
	Tenant    int64 // 0: of the installation
	Version   int64
	CreatedAt time.Time
	UpdatedAt time.Time
}
