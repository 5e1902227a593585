package peer

import (
	"fmt"
	"os"
	"path/filepath"
)

// Omniwitness is transparency-dev's witness, without a database. It signs with two keys of one
// name: Ed25519 and ML-DSA-44.
type Omniwitness struct {
	*Process
	URL       string
	VKey      string
	MLDSAVKey string
}

// StartOmniwitness starts one that knows a log; bin is the folder of its programs.
func StartOmniwitness(bin, folder, name, logVKey, origin string) (*Omniwitness, error) {
	in := func(file string) string { return filepath.Join(folder, file) }
	keys := map[string]string{}
	for kind, option := range map[string]string{"ed25519": "-mldsa=false", "mldsa": "-mldsa=true"} {
		if _, err := Run(filepath.Join(bin, "generate_keys"), "-origin", name, option,
			"-out_priv", in(kind), "-out_pub", in(kind+".vkey")); err != nil {
			return nil, err
		}
		vkey, err := os.ReadFile(in(kind + ".vkey"))
		if err != nil {
			return nil, err
		}
		keys[kind] = string(vkey)
	}
	if err := os.WriteFile(in("logs.yaml"), fmt.Appendf(nil,
		"Logs:\n  - Origin: %s\n    PublicKey: %s\n    Feeder: none\n", origin, logVKey),
		0o600); err != nil {
		return nil, err
	}
	address, err := FreeAddress()
	if err != nil {
		return nil, err
	}
	w := &Omniwitness{URL: "http://" + address, VKey: keys["ed25519"], MLDSAVKey: keys["mldsa"]}
	w.Process, err = Start(in("omniwitness.log"), filepath.Join(bin, "omniwitness"), "-listen",
		address, "-metrics_listen", "", "-private_key_path", in("ed25519"), "-private_key_path",
		in("mldsa"), "-additional_logs", in("logs.yaml"))
	if err != nil {
		return nil, err
	}
	return w, w.Await("listening", func() bool { return Listens("tcp", address) })
}
