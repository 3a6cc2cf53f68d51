package vector

import (
	"cmp"
	"math"
	"math/rand/v2"
	"runtime"
	"slices"
	"sync"
)

// MaxLists bounds the lists of an index.
const MaxLists = 64_000

// Lists divide vectors by the centroid that is closest to them. Several goroutines may use them.
type Lists struct {
	metric     Metric
	dimensions int
	centroids  []float32 // one after the other
	halves     []float32 // half of the square of each one's length
}

// NewLists returns the lists with centroids that lie one after the other, as [Lists.Centroids] returns them. It returns nil
// if there is none.
func NewLists(m Metric, dimensions int, centroids []float32) *Lists {
	if dimensions <= 0 || len(centroids) < dimensions {
		return nil
	}
	l := &Lists{metric: m, dimensions: dimensions, centroids: centroids[:len(centroids)/dimensions*dimensions]}
	for i := range l.Count() {
		c := l.centroid(i)
		l.halves = append(l.halves, dot(c, c)/2)
	}
	return l
}

// Centroids returns the centroids, one after the other.
func (l *Lists) Centroids() []float32 { return l.centroids }

// Count returns the number of lists.
func (l *Lists) Count() int { return len(l.centroids) / l.dimensions }

func (l *Lists) centroid(i int) []float32 {
	return l.centroids[i*l.dimensions : (i+1)*l.dimensions]
}

// Nearest returns the number of the list that a vector belongs to.
func (l *Lists) Nearest(v []float32) int {
	v = l.metric.directed(v)
	best, least := 0, float32(math.Inf(1))
	for i, half := range l.halves {
		if d := half - dot(l.centroid(i), v); d < least { // half of the squared distance, without the vector's own part
			best, least = i, d
		}
	}
	return best
}

// Closest returns the numbers of the lists that are to be searched for the vectors close to one, the best first.
func (l *Lists) Closest(v []float32, most int) []int {
	type list struct {
		number   int
		distance float32
	}
	v = l.metric.directed(v)
	all := make([]list, l.Count())
	for i := range all {
		all[i] = list{i, -dot(l.centroid(i), v)}
		if l.metric != Dot {
			all[i].distance += l.halves[i]
		}
	}
	slices.SortFunc(all, func(a, b list) int { return cmp.Compare(a.distance, b.distance) })
	numbers := make([]int, min(most, len(all)))
	for i := range numbers {
		numbers[i] = all[i].number
	}
	return numbers
}

// directed returns a vector as lists compare it: without its length, if that does not matter.
func (m Metric) directed(v []float32) []float32 {
	length := norm(v)
	if m != Cosine || length == 0 {
		return v
	}
	unit := make([]float32, len(v))
	for i, f := range v {
		unit[i] = f / length
	}
	return unit
}

// Train finds centroids for a sample of vectors, by rounds of k-means. The same sample gives the same centroids. A sample
// smaller than the number of lists gives fewer. It works and ends as [Lists.NearestAll] does.
func Train(m Metric, sample [][]float32, lists, rounds, workers int, proceed func() error) (*Lists, error) {
	if len(sample) == 0 || lists <= 0 {
		return nil, nil //nolint:nilnil // no vectors, no lists
	}
	dimensions := len(sample[0])
	for i, v := range sample {
		sample[i] = m.directed(v)
	}
	random := rand.New(rand.NewPCG(uint64(len(sample)), uint64(lists)))
	var centroids []float32
	for _, at := range random.Perm(len(sample))[:min(lists, len(sample))] {
		centroids = append(centroids, sample[at]...)
	}
	l := NewLists(m, dimensions, centroids)
	for range rounds {
		places, err := l.NearestAll(sample, workers, proceed)
		if err != nil {
			return nil, err
		}
		l = l.moved(sample, places, random)
	}
	return l, nil
}

// moved returns the lists whose centroids are the means of the vectors that belong to them. One that has none gets the place
// of a vector of the sample.
func (l *Lists) moved(sample [][]float32, places []int, random *rand.Rand) *Lists {
	sums := make([]float64, len(l.centroids))
	counts := make([]int, l.Count())
	for at, list := range places {
		counts[list]++
		sum := sums[list*l.dimensions : (list+1)*l.dimensions]
		for i, f := range sample[at] {
			sum[i] += float64(f)
		}
	}
	centroids := make([]float32, len(l.centroids))
	for list, n := range counts {
		c := centroids[list*l.dimensions : (list+1)*l.dimensions]
		if n == 0 {
			copy(c, sample[random.IntN(len(sample))])
			continue
		}
		for i := range c {
			c[i] = float32(sums[list*l.dimensions+i] / float64(n))
		}
	}
	return NewLists(l.metric, l.dimensions, centroids)
}

// askEach is how many multiplications there are about between two questions whether to proceed.
const askEach = 1 << 22

// NearestAll returns the list of each vector. So many goroutines work on it. Each asks often whether to proceed; if that fails,
// the work ends with the error.
func (l *Lists) NearestAll(vectors [][]float32, workers int, proceed func() error) ([]int, error) {
	lists := make([]int, len(vectors))
	errs := make([]error, max(1, workers))
	each := max(1, askEach/len(l.centroids))
	parallel(len(vectors), workers, func(part, from, to int) {
		for i := from; i < to; i++ {
			if (i-from)%each == 0 {
				if errs[part] = proceed(); errs[part] != nil {
					return
				}
			}
			lists[i] = l.Nearest(vectors[i])
		}
	})
	for _, err := range errs {
		if err != nil {
			return nil, err
		}
	}
	return lists, nil
}

// minShare is how many vectors are worth a goroutine.
const minShare = 512

// Parallel calls f for parts of the numbers below n, on as many goroutines as there are processors. It waits for all.
func Parallel(n int, f func(from, to int)) {
	parallel(n, runtime.GOMAXPROCS(0), func(_, from, to int) { f(from, to) })
}

func parallel(n, workers int, f func(part, from, to int)) {
	parts := max(1, min(workers, n/minShare))
	var all sync.WaitGroup
	for part := 1; part < parts; part++ {
		all.Go(func() { f(part, n*part/parts, n*(part+1)/parts) })
	}
	f(0, 0, n/parts)
	all.Wait()
}
