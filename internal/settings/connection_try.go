package settings

import (
	"context"
	"errors"
	"time"

	"hacek/internal/connection"
	"hacek/internal/hub"
)

// ConnectionTest is how logging in to a database went.
type ConnectionTest struct {
	Error string // in words, "" when it is fine
	Hint  string
	Took  time.Duration
}

// TestConnection logs in to a database now, with a connection of its own. That it refuses is data.
func (s *Service) TestConnection(ctx context.Context, tenant int64, ref string, by By) (ConnectionTest, error) {
	c, err := s.Connection(ctx, tenant, ref)
	if err != nil {
		return ConnectionTest{}, err
	}
	start := s.Now()
	err = s.inDatabase(ctx, c, func(db *connection.DB) error { return db.Test(ctx) })
	test := ConnectionTest{Took: s.Now().Sub(start)}
	var refused *connection.Error
	switch {
	case errors.As(err, &refused):
		test.Error, test.Hint = refused.Error(), refused.Hint
	case err != nil:
		return ConnectionTest{}, err
	}
	s.Log.Info("connection tested", "connection", c.ID.Text(hub.ConnPrefix), "by", by.Name, "ok", test.Error == "", "took", test.Took)
	return test, nil
}

// ConnectionTables names the tables of a database.
func (s *Service) ConnectionTables(ctx context.Context, tenant int64, ref string) (tables []connection.Table, err error) {
	c, err := s.Connection(ctx, tenant, ref)
	if err != nil {
		return nil, err
	}
	err = s.inDatabase(ctx, c, func(db *connection.DB) error {
		tables, err = db.Tables(ctx)
		return err
	})
	return tables, unreachable(err)
}

// ConnectionTable describes one table of a database.
func (s *Service) ConnectionTable(ctx context.Context, tenant int64, ref, name string) (table connection.Table, err error) {
	c, err := s.Connection(ctx, tenant, ref)
	if err != nil {
		return connection.Table{}, err
	}
	err = s.inDatabase(ctx, c, func(db *connection.DB) error {
		table, err = db.Table(ctx, name)
		return err
	})
	var refused *connection.Error
	if errors.As(err, &refused) && refused.Kind == connection.Schema {
		return connection.Table{}, hub.Errorf(hub.NotFound, "%s", refused).WithHint("%s", refused.Hint)
	}
	return table, unreachable(err)
}

// checkDSN refuses a DSN that could never be used. A database that is only away now is taken.
func (s *Service) checkDSN(ctx context.Context, c hub.Connection) error {
	db, err := connection.Open(ctx, c, s.Databases)
	var refused *connection.Error
	if errors.As(err, &refused) && refused.Later() {
		return nil
	}
	if err != nil {
		return err
	}
	return db.Close()
}

// inDatabase opens a database for one question. The pool of the pipelines is another: a wrong password must show.
func (s *Service) inDatabase(ctx context.Context, c Connection, ask func(*connection.DB) error) error {
	db, err := connection.Open(ctx, c.Connection, s.Databases)
	if err != nil {
		return err
	}
	err = ask(db)
	return errors.Join(err, db.Close())
}

// unreachable tells the caller what their database said; that is no error of ours.
func unreachable(err error) error {
	var refused *connection.Error
	if !errors.As(err, &refused) {
		return err
	}
	code := hub.Conflict
	if refused.Later() {
		code = hub.Unavailable
	}
	return hub.Errorf(code, "the database says: %s", refused).WithHint("%s", refused.Hint)
}
