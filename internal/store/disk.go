package store

// Disk stands between a database and its files, so that tests can cut its power and let it
// fail. Package storetest has one.
type Disk interface {
	// VFS names the SQLite file system that keeps the database file and its log.
	VFS() string

	// Step is asked before each step on a blob file or their folder; newPath is for StepRename
	// alone. The step fails with the error it returns, and is not done then. Syncs are left to the disk.
	Step(kind Step, path, newPath string) error
}

// Step is what is about to be done to a file.
type Step int

// The steps.
const (
	StepCreate     Step = iota // a new file in the folder
	StepWrite                  // more content for a file
	StepRename                 // a complete file gets its name
	StepRemove                 // the file goes
	StepSync                   // the file's content is made durable
	StepSyncFolder             // the names in the folder are made durable
)

// syncNames makes the names in a folder durable.
func syncNames(disk Disk, folder string) error {
	if disk != nil {
		return disk.Step(StepSyncFolder, folder, "")
	}
	return syncFolder(folder)
}

func (b *blobs) step(kind Step, path, newPath string) error { return step(b.disk, kind, path, newPath) }

// step asks the disk, if there is one.
func step(disk Disk, kind Step, path, newPath string) error {
	if disk == nil {
		return nil
	}
	return disk.Step(kind, path, newPath)
}
