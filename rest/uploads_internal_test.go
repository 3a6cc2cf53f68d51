package rest

import (
	"strconv"
	"testing"
	"time"
)

func TestUploadsAreBoundedAndEnd(t *testing.T) {
	var u uploads
	now := time.Now()
	a, b := upload{"shop", "a"}, upload{"shop", "b"}
	u.note("ann", a, now.Add(-uploadKept))
	if u.has("ann", a) {
		t.Error("an upload counts after a day")
	}
	u.note("ann", b, now)
	u.note("ann", b, now)
	if u.sum != 1 || !u.has("ann", b) || u.has("bob", b) || u.has("ann", upload{"other", "b"}) {
		t.Errorf("%d are remembered", u.sum)
	}
	for i := range maxUploadsEach {
		u.note("ann", upload{"shop", strconv.Itoa(i)}, now)
	}
	if u.sum != maxUploadsEach || u.has("ann", b) || !u.has("ann", upload{"shop", "0"}) {
		t.Errorf("%d of one user are remembered", u.sum)
	}
	u.sum = maxUploads // as if there were others
	u.note("bob", a, now)
	if u.sum != maxUploads || u.has("ann", upload{"shop", "0"}) || !u.has("bob", a) || len(u.of["ann"]) != maxUploadsEach-1 {
		t.Errorf("%d of all are remembered", u.sum)
	}
}
