//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"time"

	"hacek/internal/client"
	"hacek/internal/hub"
	"hacek/internal/tour"
	"hacek/test/load/rig"
)

// Numbers of one seed of the Money example.
const (
	moneyKills  = 3                     // that met work
	moneyEvery  = 25 * time.Millisecond // one thing happens in the shop, on average
	moneySettle = 2 * time.Minute
	// What a killed hub has written may still come out of a socket's buffer.
	moneyBuffers = 100 * time.Millisecond
)

// money kills the hub while a shop's orders go into an ERP, for every seed with a hub, a shop and an ERP of its own. The shop, the
// ERP, the mailbox and whoever looks into the ERP live in this process, which is never killed.
func (p *proof) money(ctx context.Context) error {
	all := moneySeed{}
	for n := range p.seeds {
		s := moneySeed{proof: p, dir: filepath.Join(p.dir, fmt.Sprintf("seed-%d", n)), random: rand.New(rand.NewPCG(p.seed, uint64(n))),
			unplugged: n%4 == 3}
		if err := s.run(ctx); err != nil {
			return fmt.Errorf("seed %d of %d: %w", n+1, p.seeds, err)
		}
		e := s.effects
		fmt.Printf("seed %2d/%d  %4d runs  %d kills  %5d values  %5d looks;  twice: %d mails, %d documents, %d fetches\n",
			n+1, p.seeds, e.Runs, s.kills, s.values, s.looks, e.Mails, e.Posts, e.Fetches)
		all.add(&s)
	}
	e := all.effects
	fmt.Printf(`
  runs of pipelines         %8d
  kills that met work       %8d
  values compared           %8d   (all as the shop has them)
  looks into the ERP        %8d   (never an order without its lines)
  mails sent twice          %8d
  documents posted twice    %8d   (each imported once)
  fetches beyond one a run  %8d

It holds: the ERP is the shop's image, and nothing was done twice that no kill excuses.
`, e.Runs, all.kills, all.values, all.looks, e.Mails, e.Posts, e.Fetches)
	return nil
}

// moneySeed is one play of the example, and what came of it.
type moneySeed struct {
	proof     *proof
	dir       string
	random    *rand.Rand
	unplugged bool // the ERP's database is away around a kill

	hub     *rig.Hub
	money   *tour.Money
	mailbox *tour.Mailbox

	kills         int // that met work
	shots         []tour.Kill
	values, looks int
	effects       tour.Effects
}

func (s *moneySeed) add(of *moneySeed) {
	s.kills, s.values, s.looks = s.kills+of.kills, s.values+of.values, s.looks+of.looks
	s.effects.Runs += of.effects.Runs
	s.effects.Mails += of.effects.Mails
	s.effects.Posts += of.effects.Posts
	s.effects.Fetches += of.effects.Fetches
}

func (s *moneySeed) run(ctx context.Context) (err error) {
	if s.mailbox, err = tour.OpenMailbox(); err != nil {
		return err
	}
	defer s.mailbox.Close()
	if err := os.Setenv("HACEK_MAIL", s.mailbox.Setting()); err != nil { // of the hub
		return err
	}
	if err := os.MkdirAll(s.dir, 0o700); err != nil {
		return err
	}
	database := ""
	if s.proof.postgres != "" {
		fresh, wrong := rig.NewDatabase(ctx, s.proof.postgres)
		if wrong != nil {
			return wrong
		}
		defer func() { err = errors.Join(err, fresh.Drop(context.WithoutCancel(ctx))) }()
		database = fresh.DSN
	}
	if s.hub, err = rig.NewHub(s.proof.binary, s.dir, database); err != nil {
		return err
	}
	defer func() { _ = s.hub.Stop() }() // after an error
	if err := s.hub.Start(ctx); err != nil {
		return err
	}
	erp, err := s.openERP(ctx)
	if err != nil {
		return err
	}
	defer erp.Close()
	shop, err := tour.OpenShop()
	if err != nil {
		return err
	}
	defer shop.Close()
	// A shop that gives up after three tries would lose notices while the hub is down; this one does not give up.
	shop.Tries = tour.Tries{Most: 1000, Every: 100 * time.Millisecond}
	inbox, err := tour.OpenInbox()
	if err != nil {
		return err
	}
	defer inbox.Close()
	api := &client.Client{Base: "http://" + s.hub.Address, Key: hub.NewSecret(s.hub.Key)}
	s.money = &tour.Money{Hub: api, Shop: shop, ERP: erp, Inbox: inbox, Mail: "orders@example.cz"}
	if err := errors.Join(s.money.SetUp(ctx), s.money.Teach(ctx)); err != nil {
		return err
	}
	watcher := erp.Watch(ctx)
	err = s.live(ctx)
	looks, torn := watcher.Stop()
	if s.looks = looks; err != nil || torn != nil {
		return errors.Join(err, torn)
	}
	return s.judge(ctx)
}

// openERP makes the ERP's database where the command line says.
func (s *moneySeed) openERP(ctx context.Context) (*tour.ERP, error) {
	switch dsn := s.proof.erp; {
	case dsn == "":
		return tour.OpenERP(ctx, hub.DriverSQLite, filepath.Join(s.hub.Data, "connections"))
	case strings.HasPrefix(dsn, "postgres://"), strings.HasPrefix(dsn, "postgresql://"):
		return tour.OpenERP(ctx, hub.DriverPostgres, dsn)
	default:
		return tour.OpenERP(ctx, hub.DriverMySQL, dsn)
	}
}

// live kills the hub at random moments while the shop goes on, until enough kills have met work, and lets it finish.
func (s *moneySeed) live(ctx context.Context) error {
	living, stop := context.WithCancel(ctx)
	ended := make(chan struct{})
	life := rand.New(rand.NewPCG(s.random.Uint64(), 1))
	go func() {
		defer close(ended)
		s.money.Shop.Live(living, life, moneyEvery)
	}()
	err := s.killAll(ctx)
	stop()
	<-ended
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, moneySettle)
	defer cancel()
	return s.money.Settle(ctx)
}

func (s *moneySeed) killAll(ctx context.Context) error {
	for tries := 0; s.kills < moneyKills; tries++ {
		if tries > 5*moneyKills {
			return fmt.Errorf("only %d of %d kills met work", s.kills, tries)
		}
		if err := wait(ctx, 300*time.Millisecond+time.Duration(s.random.Float64()*float64(1500*time.Millisecond))); err != nil {
			return err
		}
		if s.unplugged {
			if err := s.money.ERP.Pull(ctx); err != nil {
				return err
			}
			if err := wait(ctx, time.Duration(s.random.Float64()*float64(time.Second))); err != nil {
				return err
			}
		}
		open, err := s.money.Waiting(ctx)
		if err != nil {
			return err
		}
		done, err := s.money.Done(ctx)
		if err != nil {
			return err
		}
		if err := s.hub.Kill(); err != nil {
			return err
		}
		if open > 0 {
			s.kills++
		}
		if err := wait(ctx, moneyBuffers); err != nil {
			return err
		}
		s.shots = append(s.shots, s.money.Killed(s.mailbox, done))
		if err := s.money.ERP.PutBack(); err != nil {
			return err
		}
		if err := s.hub.Start(ctx); err != nil {
			return err
		}
	}
	return wait(ctx, 500*time.Millisecond)
}

func (s *moneySeed) judge(ctx context.Context) (err error) {
	if s.values, err = s.money.Compare(ctx); err != nil {
		return err
	}
	most := tour.InFlight
	if s.proof.postgres != "" {
		most = 0 // a server that others use too may take long for a commit
	}
	s.effects, err = s.money.Effects(ctx, s.mailbox, s.shots, most)
	return err
}
