package bench

import (
	"fmt"
	"math/rand/v2"
	"strings"
)

// words make texts that deflate about as well as human prose.
var words = strings.Fields(`account address amount april arrival balance bicycle branch bread butter camera card
	carrier cash change charge check city client coffee colour copper corner cotton country credit customer date
	delivery deposit depot desk detail discount double dozen driver early east email engine entry even express
	factory field final first flower forward fragile freight garden glass gold green ground group harbour heavy
	home honey hotel hour index inside invoice iron island item january journey july kitchen label large late
	leather left letter light line lorry machine mail manager market metal milk mirror monday morning motor
	narrow north note number office oil old open orange order outside packet paper parcel park part payment
	pencil phone picture piece place plain plate point port pound present price product quality quarter rail
	receipt red refund region rent return right river road room round route sack sale salt sample school sea
	second service shelf ship shop silver single small south spare spring square stamp station steel stock stone
	store street sugar summer supply table tea term thick ticket timber today total tower town track trade train
	transit truck tuesday unit valley van village visit voucher wagon wall warehouse water weight west wheel
	white window winter wood wool yellow yesterday zone`)

// body returns the JSON of a document of about size bytes, at least 60; the same for the same number.
func body(i, size int) []byte {
	random := rand.New(rand.NewPCG(uint64(i), 7)) //nolint:gosec // no secret, and not negative
	text := fmt.Appendf(make([]byte, 0, size+16), `{"type":"order","number":%d,"amount":%d.%02d,"note":"`,
		i, random.IntN(1000), random.IntN(100))
	for len(text) < size-2 {
		text = append(text, words[random.IntN(len(words))]...)
		text = append(text, ' ')
	}
	return append(text[:max(size-2, 60)], '"', '}')
}

// documentID returns the ID of document number i.
func documentID(i int) string { return fmt.Sprintf("doc-%08d", i) }
