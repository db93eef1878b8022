package main

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"strings"

	"hacek/internal/client"
	"hacek/internal/hub"
	"hacek/internal/signature"
)

// verifySecret is the variable for a secret that should not stand in the list of processes.
const verifySecret = "HACEK_VERIFY_SECRET"

// readSecrets takes secrets as they are, @FILE from a file without the line break at its end, and without any the one of
// the environment. Errors name files, never a secret.
func (a *app) readSecrets(given []string) ([]string, error) {
	if len(given) == 0 {
		if own := a.variable(verifySecret); own != "" {
			return []string{own}, nil
		}
		return nil, nil
	}
	secrets := make([]string, len(given))
	for i, text := range given {
		name, file := strings.CutPrefix(text, "@")
		if !file {
			secrets[i] = text
			continue
		}
		raw, err := os.ReadFile(name)
		if err != nil {
			return nil, wrong("", "read the secret: %v", err)
		}
		secrets[i] = strings.TrimRight(string(raw), "\r\n")
	}
	for _, secret := range secrets {
		if strings.TrimSpace(secret) == "" {
			return nil, wrong("", "--secret is empty")
		}
	}
	return secrets, nil
}

// shortestVeiled spares texts a secret of a few letters that would be found in every word.
const shortestVeiled = 4

// veil puts *** where a text holds a secret.
func veil(secrets []string) func(string) string {
	return func(text string) string {
		for _, secret := range secrets {
			if len(secret) >= shortestVeiled {
				text = strings.ReplaceAll(text, secret, hub.Masked)
				text = strings.ReplaceAll(text, url.QueryEscape(secret), hub.Masked)
			}
		}
		return text
	}
}

// readSettings reads name=value.
func readSettings(given []string) (map[string]string, error) {
	settings := map[string]string{}
	for _, text := range given {
		name, value, found := strings.Cut(text, "=")
		if !found || name == "" {
			return nil, wrong("such as --setting version=v2", "a --setting is not name=value")
		}
		settings[name] = value
	}
	return settings, nil
}

// schemeOf is the form of a scheme that the settings choose.
func schemeOf(s signature.Scheme, settings map[string]string) signature.Scheme {
	if version, known := s.Versions[settings["version"]]; known {
		return version
	}
	return s
}

// sourceSettings is what a source of the hub says about proving.
type sourceSettings struct {
	Name   string `json:"name"`
	URL    string `json:"url"`
	Verify struct {
		Scheme   string            `json:"scheme"`
		Settings map[string]string `json:"settings"`
		HMAC     *hub.HMAC         `json:"hmac"`
	} `json:"verify"`
}

func readSource(ctx context.Context, c *client.Client, name string) (sourceSettings, error) {
	var s sourceSettings
	if err := c.Do(ctx, "GET", "/v1/sources/"+url.PathEscape(name), nil, &s); err != nil {
		return s, fmt.Errorf("read the source %s: %w", name, err)
	}
	return s, nil
}
