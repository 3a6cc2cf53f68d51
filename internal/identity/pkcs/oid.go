package pkcs

import "encoding/asn1"

// The object identifiers, named as in their RFCs.
var (
	pkcs5  = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 5}
	pkcs12 = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 12}
	digest = asn1.ObjectIdentifier{1, 2, 840, 113549, 2}
	aes    = asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 1}
	sha2   = asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 2}

	oidPBKDF2 = under(pkcs5, 12)
	oidPBES2  = under(pkcs5, 13)
	oidPBMAC1 = under(pkcs5, 14)
	oidScrypt = asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 11591, 4, 11}

	oidHMACSHA1   = under(digest, 7)
	oidHMACSHA224 = under(digest, 8)
	oidHMACSHA256 = under(digest, 9)
	oidHMACSHA384 = under(digest, 10)
	oidHMACSHA512 = under(digest, 11)

	oidAES128CBC  = under(aes, 2)
	oidAES192CBC  = under(aes, 22)
	oidAES256CBC  = under(aes, 42)
	oidDESEDE3CBC = asn1.ObjectIdentifier{1, 2, 840, 113549, 3, 7}

	oidPBE3DES3  = under(pkcs12, 1, 3)
	oidPBE3DES2  = under(pkcs12, 1, 4)
	oidPBERC2128 = under(pkcs12, 1, 5)
	oidPBERC240  = under(pkcs12, 1, 6)

	oidSHA1   = asn1.ObjectIdentifier{1, 3, 14, 3, 2, 26}
	oidSHA256 = under(sha2, 1)
	oidSHA384 = under(sha2, 2)
	oidSHA512 = under(sha2, 3)
	oidSHA224 = under(sha2, 4)

	oidData          = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 7, 1}
	oidEncryptedData = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 7, 6}

	oidKeyBag         = under(pkcs12, 10, 1, 1)
	oidShroudedKeyBag = under(pkcs12, 10, 1, 2)
	oidCertBag        = under(pkcs12, 10, 1, 3)
	oidX509Cert       = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 22, 1}

	oidFriendlyName = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 20}
	oidLocalKeyID   = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 21}
)

func under(parent asn1.ObjectIdentifier, arcs ...int) asn1.ObjectIdentifier {
	return append(parent[:len(parent):len(parent)], arcs...)
}
