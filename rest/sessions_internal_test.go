package rest

import (
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/tandemdb/tandem/internal/users"
)

func TestSessionsEnd(t *testing.T) {
	var all sessions
	bob := &users.User{Name: "bob"}
	here := audience{"api", 59840}
	start := time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)
	begin := func() sessionID { return all.begin(session{user: bob, audience: here}, start) }

	idle := begin()
	if all.find(idle, here, start.Add(sessionIdle-1)) == nil || all.find(idle, here, start.Add(2*sessionIdle-2)) == nil {
		t.Error("a session in use ends")
	}
	if all.find(idle, here, start.Add(3*sessionIdle)) != nil {
		t.Error("an idle session goes on")
	}
	used := begin()
	for at := start; at.Sub(start) < sessionLongest; at = at.Add(sessionIdle / 2) {
		if all.find(used, here, at) == nil {
			t.Fatalf("a session in use ends after %v", at.Sub(start))
		}
	}
	if all.find(used, here, start.Add(sessionLongest)) != nil {
		t.Error("a session lasts longer than a week")
	}
	for _, elsewhere := range []audience{{"api", 1}, {"page", 59840}} {
		if all.find(begin(), elsewhere, start) != nil {
			t.Errorf("a session is valid at %v", elsewhere)
		}
	}
	if all.find("", here, start) != nil || all.find("forged", here, start) != nil {
		t.Error("a forged session is valid")
	}
}

func TestAUserHasABoundedNumberOfSessions(t *testing.T) {
	var all sessions
	now := time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)
	bob, eve := &users.User{Name: "bob"}, &users.User{Name: "eve"}
	hers := all.begin(session{user: eve}, now)
	var ids []sessionID
	for range 2 * maxSessions {
		ids = append(ids, all.begin(session{user: bob}, now))
		all.begin(session{user: bob, oneTime: true}, now)
	}
	for i, id := range ids {
		if got, want := all.find(id, audience{}, now) != nil, i >= maxSessions; got != want {
			t.Errorf("session %d is valid: %t, want %t", i, got, want)
		}
	}
	if all.find(hers, audience{}, now) == nil {
		t.Error("the session of another user has ended")
	}
	if got := len(all.byKey); got != 2*maxSessions+1 {
		t.Errorf("%d sessions are kept, want %d", got, 2*maxSessions+1)
	}
}

func TestAOneTimeSessionEndsByItself(t *testing.T) {
	var all sessions
	now := time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)
	once := session{user: &users.User{Name: "bob"}, oneTime: true, database: "shop", audience: audience{"sync", 1}}
	if all.spend(all.begin(once, now), "shop", "", 1, now.Add(oneTimeLongest)) != nil {
		t.Error("it is valid after five minutes")
	}
	id := all.begin(once, now)
	if all.spend(id, "shop", "https://evil.example", 1, now) != nil || all.spend(id, "shop", "", 1, now) != nil {
		t.Error("it is valid after a wrong use")
	}
}

func TestASessionIDIsNotPrinted(t *testing.T) {
	id := sessionID("planted")
	if got := fmt.Sprintf("%v %s %v", id, id, slog.AnyValue(id).Resolve()); got != "(secret) (secret) (secret)" {
		t.Errorf("got %s", got)
	}
}

func TestAPasswordIsRememberedForItsOwnUsersOnly(t *testing.T) {
	var v verified
	former, now := new(users.List), new(users.List)
	v.add(now, "bob", "new")
	if !v.has(now, "bob", "new") || v.has(now, "bob", "old") || v.has(now, "bobn", "ew") {
		t.Error("the password that was right is not the one that is remembered")
	}
	v.add(former, "bob", "old") // by a check that began before the users were replaced
	if v.has(now, "bob", "old") {
		t.Error("a password of former users is remembered")
	}
}
