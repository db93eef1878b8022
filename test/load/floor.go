//go:build linux

package main

import (
	"bytes"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"

	"hacek/test/load/rig"
)

// relay is the floor: the least a Go program can do to pass a POST on. It keeps nothing, checks nothing, signs nothing.
type relay struct {
	to     string
	fan    int
	client *http.Client
}

func floor(args []string) error {
	f := &relay{client: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 512}}}
	flags := flag.NewFlagSet("floor", flag.ExitOnError)
	flags.StringVar(&f.to, "to", "", "")
	flags.IntVar(&f.fan, "fan", 1, "")
	flags.Parse(args)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	failed := make(chan error, 1)
	go func() { failed <- http.Serve(listener, f) }()
	rig.Greet(listener.Addr().String())
	select {
	case err := <-failed:
		return err
	case <-rig.Dismissed():
		return nil
	}
}

func (f *relay) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	if f.fan == 1 {
		err = f.forward(body, 0)
	} else {
		err = f.fanOut(body)
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadGateway)
		return
	}
	w.WriteHeader(http.StatusAccepted)
}

func (f *relay) fanOut(body []byte) error {
	failures := make(chan error, f.fan)
	var all sync.WaitGroup
	for slot := range f.fan {
		all.Go(func() {
			if err := f.forward(body, slot); err != nil {
				failures <- err
			}
		})
	}
	all.Wait()
	close(failures)
	return <-failures
}

func (f *relay) forward(body []byte, slot int) error {
	answer, err := f.client.Post(fmt.Sprintf("http://%s/r/%d", f.to, slot), "application/json", bytes.NewReader(body))
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	_, err = io.Copy(io.Discard, answer.Body)
	return err
}
