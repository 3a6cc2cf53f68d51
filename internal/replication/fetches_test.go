package replication

import (
	"testing"
	"time"
)

func isClosed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// TestASecondOfferWaitsForTheFirst until that has come, its session has ended, or it has taken too long.
func TestASecondOfferWaitsForTheFirst(t *testing.T) {
	mesh := &Mesh{Fetches: new(Fetches)}
	first, second := mesh.claims(), mesh.claims()
	now := time.Now()
	if wait := first.take("c", []string{"a", "b"}, now); wait != nil {
		t.Fatal("the first offer waits")
	}
	wait := second.take("c", []string{"x", "b"}, now)
	if wait == nil || isClosed(wait) {
		t.Fatal("the second offer of b does not wait")
	}
	if other := second.take("other", []string{"b"}, now); other != nil {
		t.Error("b of another collection waits")
	}
	if third := mesh.claims(); third.take("c", []string{"x"}, now) != nil {
		t.Error("x waits, though the offer with it was not taken")
	} else {
		third.end()
	}
	first.release("c", "b")
	if !isClosed(wait) || second.take("c", []string{"x", "b"}, now) != nil {
		t.Error("b waits though it has come")
	}
	wait = second.take("c", []string{"a"}, now)
	first.end()
	if !isClosed(wait) || second.take("c", []string{"a"}, now) != nil {
		t.Error("a waits though the session that asked for it has ended")
	}
	slow := mesh.claims()
	if slow.take("c", []string{"s", "t"}, now) != nil {
		t.Fatal("s and t wait")
	}
	late := now.Add(claimPatience)
	if second.take("c", []string{"s"}, late) != nil || second.take("c", []string{"t"}, now) != nil {
		t.Error("a session that keeps others waiting is waited for")
	}
	slow.end()
	second.end()
	if n := len(mesh.Fetches.revs); n != 0 {
		t.Errorf("%d claims are left", n)
	}
}

// TestAMirroredCheckpointGoesNoFurther than the first sequence that is not done.
func TestAMirroredCheckpointGoesNoFurther(t *testing.T) {
	for _, c := range []struct{ body, want string }{
		{`{"local":7,"remote":12}`, `{"time":1,"local":12,"remote":7}`},
		{`{"localCompleted":[0,5,9,2],"remote":3}`, `{"time":1,"local":3,"remote":4}`},
		{`{"remote":"3"}`, `{"time":1,"local":3}`},
		{`{"local":2}`, `{"time":1,"remote":2}`},
		{`{"local":2,"remote":"5:7"}`, ""},
		{`{`, ""},
	} {
		got, ok := mirrored([]byte(c.body), time.Unix(1, 0))
		if string(got) != c.want || ok != (c.want != "") {
			t.Errorf("mirrored(%s) is %s, %t; want %s", c.body, got, ok, c.want)
		}
	}
}
