package peer

import (
	"crypto/rand"
	"fmt"
	"os"
	"path/filepath"

	tdnote "github.com/transparency-dev/formats/note"
	"golang.org/x/mod/sumdb/note"
)

// Omniwitness is transparency-dev's witness, without a database.
type Omniwitness struct {
	*Process
	URL  string
	VKey string
}

// StartOmniwitness starts one that knows a log.
func StartOmniwitness(program, folder, name, logVKey, origin string) (*Omniwitness, error) {
	skey, vkey, err := note.GenerateKey(rand.Reader, name)
	if err != nil {
		return nil, err
	}
	key, logs := filepath.Join(folder, "key"), filepath.Join(folder, "logs.yaml")
	if err := os.WriteFile(key, []byte(skey), 0o600); err != nil {
		return nil, err
	}
	if err := os.WriteFile(logs, fmt.Appendf(nil,
		"Logs:\n  - Origin: %s\n    PublicKey: %s\n    Feeder: none\n", origin, logVKey),
		0o600); err != nil {
		return nil, err
	}
	address, err := FreeAddress()
	if err != nil {
		return nil, err
	}
	w := &Omniwitness{URL: "http://" + address}
	if w.VKey, err = tdnote.VKeyToCosignatureV1(vkey); err != nil {
		return nil, err
	}
	w.Process, err = Start(filepath.Join(folder, "omniwitness.log"), program, "-listen", address,
		"-metrics_listen", "", "-private_key_path", key, "-additional_logs", logs)
	if err != nil {
		return nil, err
	}
	return w, w.Await("listening", func() bool { return Listens("tcp", address) })
}
