package main

import (
	"context"
	"errors"
	"fmt"
	"os"

	"hacek/internal/client"
)

// saveBundle fetches the support bundle into a new file. Half a bundle is not kept.
func (a *app) saveBundle(ctx context.Context, c *client.Client, name string) error {
	f, err := os.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("write the support bundle: %w", err)
	}
	n, err := c.Download(ctx, "/v1/support-bundle", f)
	if err = errors.Join(err, f.Close()); err != nil {
		_ = os.Remove(name)
		return err
	}
	fmt.Fprintf(a.err, "the support bundle is in %s (%d bytes); look through it before you pass it on\n", name, n)
	return nil
}
