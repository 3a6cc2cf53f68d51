package bench

import (
	"context"
	"errors"
	"os"
)

// pair is two processes: the server listens, the client replicates.
type pair struct {
	server, client *process
	at             address
}

// pairArgs describe the databases of the two processes.
type pairArgs struct {
	server, client openArgs // an empty path of the client: no database
	clearText      bool
}

// withPair runs do with two processes, and removes the databases named in scratch afterwards.
func (l *lab) withPair(ctx context.Context, args pairArgs, scratch []string, do func(*pair) error) (err error) {
	var p pair
	defer func() {
		err = errors.Join(err, p.client.stop(), p.server.stop())
		for _, path := range scratch {
			err = errors.Join(err, os.RemoveAll(path))
		}
	}()
	if p.server, err = l.start(ctx, "server"); err != nil {
		return err
	}
	if p.client, err = l.start(ctx, "client"); err != nil {
		return err
	}
	if _, err = call[none](p.server, "open", args.server); err != nil {
		return err
	}
	if args.client.Path != "" {
		if _, err = call[none](p.client, "open", args.client); err != nil {
			return err
		}
	}
	if p.at, err = call[address](p.server, "listen", listenArgs{ClearText: args.clearText}); err != nil {
		return err
	}
	return do(&p)
}

// costs holds the resources that both processes have used.
type costs struct{ server, client Usage }

func (p *pair) used() (c costs, err error) {
	if c.server, err = call[Usage](p.server, "usage", none{}); err == nil {
		c.client, err = call[Usage](p.client, "usage", none{})
	}
	return c, err
}

// watch runs do and returns the resources it used.
func (p *pair) watch(do func() error) (costs, error) {
	before, err := p.used()
	if err != nil {
		return costs{}, err
	}
	if err := do(); err != nil {
		return costs{}, err
	}
	after, err := p.used()
	return costs{server: after.server.since(before.server), client: after.client.since(before.client)}, err
}
