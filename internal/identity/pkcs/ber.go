package pkcs

const maxDepth = 32

// toDER rewrites BER as DER, as far as encoding/asn1 requires: definite, shortest lengths and octet
// strings in one piece. Apple and Mozilla write PKCS#12 in BER.
func toDER(ber []byte) ([]byte, error) {
	e, rest, err := readElement(ber, 0)
	if err != nil {
		return nil, err
	}
	if len(rest) != 0 {
		return nil, malformed("%d bytes after the end", len(rest))
	}
	return e.append(nil), nil
}

const (
	tagConstructed       = 0x20
	tagOctetString       = 0x04
	lengthIndefinite     = 0x80
	tagNumberInNextBytes = 0x1f
)

// element is one value in DER.
type element struct {
	tag     []byte
	content []byte
}

func (e element) append(to []byte) []byte {
	to = append(to, e.tag...)
	size := len(e.content)
	switch {
	case size < 1<<7:
		to = append(to, byte(size))
	case size < 1<<8:
		to = append(to, 0x81, byte(size))
	case size < 1<<16:
		to = append(to, 0x82, byte(size>>8), byte(size))
	default:
		to = append(to, 0x84, byte(size>>24), byte(size>>16), byte(size>>8), byte(size))
		if size < 1<<24 {
			to = append(to[:len(to)-5], 0x83, byte(size>>16), byte(size>>8), byte(size))
		}
	}
	return append(to, e.content...)
}

func readElement(in []byte, depth int) (e element, rest []byte, err error) {
	if depth > maxDepth {
		return e, nil, malformed("nested too deeply")
	}
	e.tag, in, err = readTag(in)
	if err != nil {
		return e, nil, err
	}
	size, in, err := readLength(in)
	if err != nil {
		return e, nil, err
	}
	constructed := e.tag[0]&tagConstructed != 0
	switch {
	case size >= 0 && !constructed:
		e.content = in[:size]
		return e, in[size:], nil
	case size >= 0:
		body := in[:size]
		e, err = e.readChildren(&body, false, depth)
		return e, in[size:], err
	case !constructed:
		return e, nil, malformed("a primitive value without a length")
	}
	e, err = e.readChildren(&in, true, depth)
	return e, in, err
}

// readChildren reads the values inside a constructed value, up to the end of in or to the end mark
// of an indefinite length. It joins the pieces of an octet string.
func (e element) readChildren(in *[]byte, indefinite bool, depth int) (element, error) {
	pieces := e.tag[0] == tagConstructed|tagOctetString
	if pieces {
		e.tag = []byte{tagOctetString}
	}
	for {
		if indefinite && len(*in) >= 2 && (*in)[0] == 0 && (*in)[1] == 0 {
			*in = (*in)[2:]
			return e, nil
		}
		if len(*in) == 0 {
			if indefinite {
				return e, malformed("cut short")
			}
			return e, nil
		}
		child, rest, err := readElement(*in, depth+1)
		if err != nil {
			return e, err
		}
		*in = rest
		switch {
		case !pieces:
			e.content = child.append(e.content)
		case child.tag[0] == tagOctetString:
			e.content = append(e.content, child.content...)
		default:
			return e, malformed("an octet string of other pieces")
		}
	}
}

func readTag(in []byte) (tag, rest []byte, err error) {
	size := 1
	if len(in) > 0 && in[0]&tagNumberInNextBytes == tagNumberInNextBytes {
		for size < len(in) && size < 5 && in[size]&0x80 != 0 {
			size++
		}
		size++
	}
	if len(in) < size {
		return nil, nil, malformed("cut short")
	}
	return in[:size:size], in[size:], nil
}

// readLength returns a length that fits into the remaining bytes, or -1 for an indefinite one.
func readLength(in []byte) (size int, rest []byte, err error) {
	if len(in) == 0 {
		return 0, nil, malformed("cut short")
	}
	first, in := in[0], in[1:]
	switch {
	case first == lengthIndefinite:
		return -1, in, nil
	case first < 0x80:
		size = int(first)
	default:
		count := int(first & 0x7f)
		if count > 4 || count > len(in) {
			return 0, nil, malformed("a length out of range")
		}
		for _, b := range in[:count] {
			size = size<<8 | int(b)
		}
		in = in[count:]
	}
	if size < 0 || size > len(in) {
		return 0, nil, malformed("cut short")
	}
	return size, in, nil
}
