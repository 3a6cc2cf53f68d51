package pkcs_test

import "encoding/asn1"

// toBER rewrites DER with indefinite lengths, and octet strings in pieces.
func toBER(der []byte) []byte { return rewrite(der, false) }

// toDeepBER also rewrites the DER inside of octet strings.
func toDeepBER(der []byte) []byte { return rewrite(der, true) }

func rewrite(der []byte, deep bool) []byte {
	var out []byte
	for len(der) > 0 {
		var v asn1.RawValue
		rest, err := asn1.Unmarshal(der, &v)
		if err != nil {
			panic(err)
		}
		size := len(der) - len(rest)
		octets := v.Class == asn1.ClassUniversal && v.Tag == asn1.TagOctetString ||
			v.Class == asn1.ClassContextSpecific && !v.IsCompound
		switch {
		case v.IsCompound:
			out = append(out, der[0], 0x80)
			out = append(out, rewrite(v.Bytes, deep)...)
			out = append(out, 0, 0)
		case octets:
			out = append(out, inPieces(der[0], v.Bytes, deep)...)
		default:
			out = append(out, der[:size]...)
		}
		der = rest
	}
	return out
}

func inPieces(tag byte, content []byte, deep bool) []byte {
	var v asn1.RawValue
	if rest, err := asn1.Unmarshal(content, &v); deep && err == nil && len(rest) == 0 && v.Tag == asn1.TagSequence {
		content = rewrite(content, deep)
	}
	out := []byte{tag | 0x20, 0x80}
	for len(content) > 0 {
		n := min(100, len(content))
		out = append(out, 0x04, byte(n))
		out = append(out, content[:n]...)
		content = content[n:]
	}
	return append(out, 0, 0)
}
