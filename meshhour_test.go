package tandem_test

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tandemdb/tandem"
	"github.com/tandemdb/tandem/internal/testsize"
)

// roamer is a member in simulated time that moves, sleeps and restarts.
type roamer struct {
	*member
	h      *meshHours
	number int
	host   atomic.Pointer[string] // which dialling goroutines read while it moves
	path   string
	cfg    tandem.MultipeerReplicatorConfiguration
	db     *tandem.Database
	asleep bool
	pulled uint64 // bytes of documents and blobs, in earlier lives
}

// meshHours is a mesh in simulated time, to which things happen.
type meshHours struct {
	t                                    *testing.T
	random                               *rand.Rand
	w                                    *airwaves
	a                                    *groupOwner
	all                                  []*roamer
	written                              uint64 // bytes of all edits
	edits, cuts, sleeps, restarts, moves int
}

func newMeshHours(t *testing.T, dir string, seed uint64, devices, documents int) *meshHours {
	time.Sleep(time.Until(time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)))
	h := &meshHours{t: t, random: rand.New(rand.NewPCG(seed, 9)), w: newAirwaves(), a: newGroupOwner(t)}
	for i := range devices {
		d := &roamer{h: h, number: i, path: filepath.Join(dir, fmt.Sprintf("d%d", i))}
		d.move(airHost(i))
		d.cfg = tandem.MultipeerReplicatorConfiguration{
			PeerGroupID: testGroup, Identity: h.a.identity(fmt.Sprintf("d%d", i), testGroup),
			Authenticator: tandem.MultipeerRoots(h.a.root()), Name: fmt.Sprintf("d%d", i), DisableDiscovery: true,
			Peers: []string{airHost(0) + ":4984", airHost(1) + ":4984"},
		}
		d.open()
		h.all = append(h.all, d)
		check(t, d.db.InBatch(t.Context(), func(b *tandem.Batch) error {
			for j := range documents {
				text := body(i, j)
				h.written += uint64(len(text))
				if err := b.Save(d.coll, newDocument(t, fmt.Sprintf("first-%d-%d", i, j), text)); err != nil {
					return err
				}
			}
			return nil
		}))
	}
	return h
}

// open begins a life of the device.
func (d *roamer) open() {
	t := d.h.t
	db, err := tandem.OpenOn(t.Context(), d.path, plainDisk{})
	check(t, err)
	d.db = db
	d.cfg.Collections = []tandem.MultipeerCollectionConfiguration{{Collection: defaultIn(t, db)}}
	m, err := tandem.NewMultipeerReplicator(d.cfg)
	check(t, err)
	m.UseNetwork(d.h.w.listen(d.at), d.h.w.dial(d.at))
	check(t, m.Start())
	d.member = &member{m, d.cfg.Collections[0].Collection}
}

func (d *roamer) at() string { return *d.host.Load() }

func (d *roamer) move(host string) { d.host.Store(&host) }

func (d *roamer) close() {
	d.Close()
	d.pulled += d.received()
	wantSound(d.h.t, d.db)
	check(d.h.t, d.db.Close())
}

// received returns the bytes of bodies and blobs that the device has pulled in this life.
func (d *roamer) received() uint64 {
	p := d.Status().Progress
	return p.Pull.Bytes + p.BlobBytes
}

// happen lets one thing happen.
func (h *meshHours) happen() {
	d := h.all[h.random.IntN(len(h.all))]
	switch n := h.random.IntN(100); {
	case n < 80:
		d.edit()
	case n < 85 && !d.asleep:
		h.sleeps++
		d.asleep = true
		d.Pause()
	case n < 91:
		h.wake()
	case n < 94:
		h.restarts++
		d.close()
		d.open()
		d.asleep = false
	case n < 96 && d.number > 1: // the others know the first two by address
		h.moves++
		d.move(airHost(100 + h.moves))
		if !d.asleep {
			d.Pause()
			check(h.t, d.Resume())
		}
	case n < 98:
		h.cut()
	default:
		h.w.set(nil)
	}
}

func (h *meshHours) wake() {
	for _, d := range h.all {
		if d.asleep {
			d.asleep = false
			check(h.t, d.Resume())
		}
	}
}

// cut parts the network in two.
func (h *meshHours) cut() {
	h.cuts++
	parts := make(map[string]bool)
	for _, d := range h.all {
		parts[d.at()] = h.random.IntN(2) == 0
	}
	h.w.set(func(from, to string) bool { return parts[from] == parts[to] })
}

func (d *roamer) edit() {
	h := d.h
	h.edits++
	id := fmt.Sprintf("own-%d-%d", d.number, h.random.IntN(40))
	if h.random.IntN(10) == 0 {
		id = fmt.Sprintf("shared-%d", h.random.IntN(10))
	}
	doc, err := d.coll.Document(context.Background(), id)
	if doc == nil {
		doc = newDocument(h.t, id, "{}")
	} else if check(h.t, err); h.random.IntN(12) == 0 {
		check(h.t, d.coll.Delete(context.Background(), doc))
		return
	}
	text := strings.Repeat(fmt.Sprintf("%08x", h.random.Uint32()), 30)
	check(h.t, doc.SetValue("text", text))
	h.written += uint64(len(text))
	if h.random.IntN(20) == 0 {
		content := []byte(strings.Repeat(fmt.Sprintf("%08x", h.random.Uint32()), 500))
		check(h.t, doc.SetBlob("picture", tandem.NewBlob("image/png", content)))
		h.written += uint64(len(content))
	}
	check(h.t, d.coll.Save(context.Background(), doc))
}

// same reports whether all devices have the same documents and blobs.
func (h *meshHours) same() bool {
	first := h.all[0].contents()
	return !slices.ContainsFunc(h.all[1:], func(d *roamer) bool { return !slices.Equal(d.contents(), first) })
}

func (d *roamer) contents() (list []string) {
	for doc, err := range d.coll.AllWithDeleted(context.Background()) {
		check(d.h.t, err)
		line := doc.ID() + " " + doc.RevisionID() + " " + string(doc.Body())
		if b := doc.Blob("picture"); b != nil {
			content, err := b.Content()
			check(d.h.t, err)
			line += string(content[:8])
		}
		list = append(list, line)
	}
	slices.Sort(list)
	return list
}

var meshHour = flag.Bool("mesh.hour", false, "let the hour and the day of trouble last that long") //nolint:gochecknoglobals // a flag

// TestMeshAgreesAfterAnHourOfTrouble lets devices edit, sleep, restart, move and lose the network at random. The whole
// hour, with 1,000 documents of each device:
//
//	go test -run TestMeshAgrees -mesh.hour -v .
func TestMeshAgreesAfterAnHourOfTrouble(t *testing.T) {
	if *meshHour {
		troubledHours(t, 15, 1000, time.Hour, 2*time.Second)
		return
	}
	devices, lasts := testsize.Pick(4, unwatched(6, 15)), testsize.Pick(2*time.Minute, 10*time.Minute)
	troubledHours(t, devices, testsize.Pick(20, 100), lasts, 1500*time.Millisecond)
}

// TestMeshAgreesAfterADayOfFlakyRadio is the hour of trouble for a day, with fewer devices and rarer events.
func TestMeshAgreesAfterADayOfFlakyRadio(t *testing.T) {
	testsize.Whole(t)
	lasts := time.Hour
	if *meshHour {
		lasts = 24 * time.Hour
	}
	troubledHours(t, 5, 100, lasts, 40*time.Second)
}

func troubledHours(t *testing.T, devices, documents int, lasts, every time.Duration) {
	dir := t.TempDir()
	testsize.Bubble(t, func(t *testing.T) {
		h := newMeshHours(t, dir, 17, devices, documents)
		early := uint64(0)
		for began := time.Now(); time.Since(began) < lasts; {
			time.Sleep(time.Duration(h.random.Int64N(int64(2 * every))))
			h.happen()
			if early == 0 && time.Since(began) > lasts/4 {
				early = heap()
			}
		}
		late := heap()
		h.w.set(nil)
		h.wake()
		mended := time.Now()
		for !h.same() {
			if time.Since(mended) > 10*time.Minute {
				t.Error("the devices do not agree")
				break
			}
			time.Sleep(time.Second)
		}
		agreed := time.Since(mended)
		pulled := uint64(0)
		for _, d := range h.all {
			d.close()
			pulled += d.pulled
		}
		copies := float64(pulled) / float64(h.written*uint64(devices-1))
		t.Logf("%d devices, %v: %d edits, %d cuts, %d sleeps, %d restarts, %d moves; agreed %v after the end; %.2f copies of "+
			"each edit for each device; heap %d kB, at first %d; %d kB on the air", devices, lasts, h.edits, h.cuts, h.sleeps, h.restarts,
			h.moves, agreed, copies, late>>10, early>>10, h.w.bytes.Load()>>10)
		testsize.Figure(t, fmt.Sprintf("%d devices, %v of trouble: copies of each edit for each device", devices, lasts), copies, 1.2)
		testsize.Figure(t, "… until they agree after the end", agreed, 15*time.Second)
		if copies > 1.2 {
			t.Errorf("%.2f copies, want at most 1.2", copies)
		}
		if late > 2*early+32<<20 {
			t.Errorf("the heap grew from %d to %d bytes", early, late)
		}
	})
}
