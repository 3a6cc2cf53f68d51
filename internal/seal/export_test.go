package seal

// SectorsOf returns the cipher with the given key.
func SectorsOf(key []byte) *Sectors { return newSectors(key) }
