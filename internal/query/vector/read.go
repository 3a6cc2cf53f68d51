package vector

import (
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/tandemdb/tandem/internal/query/value"
)

// MaxDimensions bounds the length of a vector, and MinDimensions is the least length of those in an index.
const (
	MinDimensions = 2
	MaxDimensions = 4096
)

// Of returns the vector that a value is, which has a number of dimensions. Its error says what is wrong with the value.
func Of(v value.Value, dimensions int) ([]float32, error) {
	switch v.Kind() {
	case value.String:
		return fromBase64(v.Text(), dimensions)
	case value.Array:
		return FromJSON([]byte(v.Text()), dimensions)
	case value.Missing:
		return nil, errMissing
	}
	return nil, errNoVector
}

var (
	errNoVector = errors.New("it is neither an array of numbers nor a string")
	errMissing  = errors.New("it is missing, as a parameter without a value is")
)

// FromJSON returns the vector that a valid JSON text has, as [Of] does.
func FromJSON(text []byte, dimensions int) ([]float32, error) {
	if len(text) == 0 || text[0] != '[' {
		if len(text) > 0 && text[0] == '"' {
			return Of(value.FromJSON(text), dimensions)
		}
		return nil, errNoVector
	}
	vector := make([]float32, 0, max(0, min(dimensions, MaxDimensions)))
	for at := 1; at < len(text); {
		switch c := text[at]; c {
		case ',', ' ', '\t', '\n', '\r', ']':
			at++
			continue
		}
		end := at
		for end < len(text) && !endsNumber(text[end]) {
			end++
		}
		f, err := strconv.ParseFloat(string(text[at:end]), 32)
		if err != nil || end == at || text[at] != '-' && (text[at] < '0' || text[at] > '9') {
			return nil, fmt.Errorf("item %d is no number that a float32 can be", len(vector))
		}
		if len(vector) == dimensions {
			return nil, fmt.Errorf("it has more than %d numbers", dimensions)
		}
		vector = append(vector, float32(f))
		at = end
	}
	return ofLength(vector, dimensions)
}

func endsNumber(c byte) bool {
	switch c {
	case ',', ' ', '\t', '\n', '\r', ']', '"', '[', '{', '}':
		return true
	}
	return false
}

func ofLength(v []float32, dimensions int) ([]float32, error) {
	if len(v) != dimensions {
		return nil, fmt.Errorf("it has %d numbers, and not %d", len(v), dimensions)
	}
	return v, nil
}

func fromBase64(text string, dimensions int) ([]float32, error) {
	if most := base64.StdEncoding.EncodedLen(4 * MaxDimensions); len(text) > most {
		return nil, fmt.Errorf("its base64 has more than %d characters", most)
	}
	bytes, err := base64.RawStdEncoding.DecodeString(strings.TrimRight(anyBase64.Replace(strings.TrimSpace(text)), "="))
	if err != nil {
		return nil, errors.New("its text is no base64")
	}
	if len(bytes)%4 != 0 {
		return nil, fmt.Errorf("its base64 has %d bytes, which are no float32 numbers", len(bytes))
	}
	if dimensions < 0 {
		dimensions = len(bytes) / 4
	}
	v := FromBytes(nil, bytes)
	if !finite(v) {
		return nil, errors.New("it has numbers that are not finite")
	}
	return ofLength(v, dimensions)
}

// anyBase64 makes base64 that may be broken into lines, or URL-safe, standard base64.
var anyBase64 = strings.NewReplacer("\n", "", "\r", "", "-", "+", "_", "/")

// finite reports whether all numbers of a vector are.
func finite(v []float32) bool {
	for _, f := range v {
		if f-f != 0 {
			return false
		}
	}
	return true
}

// Check returns why a vector from outside cannot be one of an index.
func Check(v []float32, dimensions int) error {
	if !finite(v) {
		return errors.New("it has numbers that are not finite")
	}
	_, err := ofLength(v, dimensions)
	return err
}

// AppendBytes appends the numbers of a vector, four bytes each in little-endian order.
func AppendBytes(dst []byte, v []float32) []byte {
	for _, f := range v {
		dst = binary.LittleEndian.AppendUint32(dst, math.Float32bits(f))
	}
	return dst
}

// FromBytes appends the numbers that AppendBytes has written. Further bytes are ignored.
func FromBytes(dst []float32, bytes []byte) []float32 {
	for ; len(bytes) >= 4; bytes = bytes[4:] {
		dst = append(dst, math.Float32frombits(binary.LittleEndian.Uint32(bytes)))
	}
	return dst
}

// Numbers returns the numbers of any vector, with their full precision. It returns false for what is none.
func Numbers(v value.Value) ([]float64, bool) {
	var all []float64
	switch v.Kind() {
	case value.String:
		vector, err := fromBase64(v.Text(), -1)
		for _, f := range vector {
			all = append(all, float64(f))
		}
		return all, err == nil
	case value.Array:
		for item := range v.Items() {
			if !item.IsNumber() {
				return nil, false
			}
			all = append(all, item.Float())
		}
		return all, true
	}
	return nil, false
}
