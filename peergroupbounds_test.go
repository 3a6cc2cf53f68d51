package tandem_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tandemdb/tandem"
	"github.com/tandemdb/tandem/internal/mesh/joining"
)

// No way of printing an invitation shows its code.
func TestAnInvitationIsNotPrinted(t *testing.T) {
	g := newJoiner(t, "one").found(t, testGroup)
	i, err := g.Invite(t.Context(), tandem.InvitationOptions{})
	check(t, err)
	var log bytes.Buffer
	slog.New(slog.NewTextHandler(&log, nil)).Info("x", "invitation", i, "value", *i)
	text, err := json.Marshal(map[string]any{"a": i, "b": *i})
	check(t, err)
	all := log.String() + string(text)
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		all += fmt.Sprintf(verb+" "+verb, i, *i) + fmt.Sprintf(verb, []any{i, *i})
	}
	if strings.Contains(all, i.Code()) || strings.Contains(all, i.Code()[:9]) || !strings.Contains(all, i.ID()) {
		t.Errorf("an invitation is printed as %s", all)
	}
}

// A removal reaches the neighbours, whoever reads the rows in the meantime.
func TestARemovalIsToldAlthoughSomebodyReads(t *testing.T) {
	one, two := newJoiner(t, "one"), newJoiner(t, "two")
	g1 := one.found(t, testGroup)
	m1 := one.run(t, g1)
	g2 := two.enter(t, g1, m1.Addresses()[0])
	m2 := two.run(t, g2)
	save(t, m1.coll, "milk", `{}`)
	waitSame(t, 1, m1, m2)
	for i := range byte(5) {
		gone := tandem.PeerID{1, i}
		check(t, g1.Remove(t.Context(), gone, tandem.RemoveOptions{}))
		_, err := g1.Members(t.Context())
		check(t, err)
		eventually(t, func() bool { return removedTo(t, g2, gone) })
	}
}

// The time of a code counts from when it was made, and an hour later nobody is told of it any more.
func TestTheTimeOfACode(t *testing.T) {
	one, two := newJoiner(t, "one"), newJoiner(t, "two")
	g := one.found(t, testGroup)
	code, err := g.Invite(t.Context(), tandem.InvitationOptions{})
	check(t, err)
	check(t, g.AgeInvitations(t.Context(), 5*time.Minute))
	m := one.run(t, g)
	eventually(t, func() bool { return m.CodesTimed() == 1 })
	if left := m.CodeLeft(); left > 5*time.Minute+2*time.Second {
		t.Errorf("a code made five minutes ago is good for %v", left)
	}
	at := m.Addresses()[0]
	m.EndCodes()
	eventually(t, func() bool { return m.CodesTimed() == 0 })
	checkRefused(t, two, code.Code(), at, "has expired")
	check(t, g.AgeInvitations(t.Context(), time.Hour))
	eventually(t, func() bool { return m.CodesTold() == 0 })
	id, err := tandem.CreateIdentity(nil, tandem.TLSIdentityOptions{CommonName: "two"})
	check(t, err)
	secret, _, err := joining.ParseCode(code.Code())
	check(t, err)
	tcp, err := net.Dial("tcp", at)
	check(t, err)
	if grant, err := joining.Ask(t.Context(), tcp, id.TLSCertificate(), secret, "two"); err == nil {
		t.Errorf("the port answers a joiner by %+v, where no code is remembered", grant)
	}
}

// A clock that begins in 1970 after each restart stays behind what was seen to pass.
func TestTheFloorOfTimeRises(t *testing.T) {
	one, two := newJoiner(t, "one"), newJoiner(t, "two")
	g1 := one.found(t, testGroup)
	m1 := one.run(t, g1)
	g2 := two.enter(t, g1, m1.Addresses()[0])
	old := func() time.Time { return time.Unix(100, 0) }
	for days := 1; days < 4; days++ {
		g2.SetClock(old)
		g2.PassTime(24 * time.Hour)
		m2 := two.run(t, g2)
		m2.Close()
		g2 = two.open(t)
		g2.SetClock(old)
		if passed := time.Until(g2.Now()).Round(time.Hour); passed != time.Duration(days)*24*time.Hour {
			t.Errorf("after %d days the member believes that %v have passed", days, passed)
		}
	}
}

// Many that pretend to be the inviter do not fill a joiner's memory.
func TestAnswersToAJoinerAreBounded(t *testing.T) {
	var held atomic.Int64
	read := func(size int64) (n int64, release func(), err error) {
		ours, theirs := net.Pipe()
		go func() {
			_, _ = io.CopyN(theirs, zeros{}, size)
			_ = theirs.Close()
		}()
		limited, release := tandem.LimitAnswers(ours, &held)
		n, err = io.Copy(io.Discard, limited)
		_ = ours.Close()
		return n, release, err
	}
	for range 4 {
		_, _, err := read(4 << 20)
		check(t, err)
	}
	if n, release, err := read(4 << 20); !errors.Is(err, tandem.ErrBusy) || n > 1<<20 {
		t.Errorf("a fifth large answer: %d bytes are read, %v", n, err)
	} else {
		release()
	}
	n, _, err := read(60 << 10)
	if err != nil || n != 60<<10 {
		t.Errorf("a small answer: %d bytes are read, %v", n, err)
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { return len(p), nil }
