package peer

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// Litebastion is torchwood's bastion, with a certificate of its own for localhost.
type Litebastion struct {
	*Process
	CA       string // the certificate to trust, a file
	Address  string // where backends connect, by TLS
	URL      string // where clients ask, by plain HTTP
	backends string
}

// StartLitebastion starts one that accepts no backend yet.
func StartLitebastion(program, folder string) (*Litebastion, error) {
	key := filepath.Join(folder, "tls-key.pem")
	b := &Litebastion{CA: filepath.Join(folder, "tls.pem"),
		backends: filepath.Join(folder, "backends")}
	if err := writeCertificate(b.CA, key); err != nil {
		return nil, err
	}
	if err := os.WriteFile(b.backends, nil, 0o644); err != nil {
		return nil, err
	}
	var err error
	if b.Address, err = FreeAddress(); err != nil {
		return nil, err
	}
	clients, err := FreeAddress()
	if err != nil {
		return nil, err
	}
	b.URL = "http://" + clients
	b.Process, err = Start(filepath.Join(folder, "litebastion.log"), program, "-listen", b.Address,
		"-listen-http", clients, "-backends", b.backends, "-tls-cert", b.CA, "-tls-key", key)
	if err != nil {
		return nil, err
	}
	return b, b.Await("listening", func() bool { return Listens("tcp", clients) })
}

// Admit lets these backends in, and no others; they are named by the SHA-256 of their keys in hex.
func (b *Litebastion) Admit(hashes ...string) error {
	text := strings.Join(hashes, "\n") + "\n"
	if err := os.WriteFile(b.backends, []byte(text), 0o644); err != nil {
		return err
	}
	before := strings.Count(b.Printed(), "reloaded backends")
	if err := b.cmd.Process.Signal(syscall.SIGHUP); err != nil {
		return err
	}
	return b.Await("reading its backends again", func() bool {
		return strings.Count(b.Printed(), "reloaded backends") > before
	})
}

func writePEM(path, kind string, bytes []byte, mode os.FileMode) error {
	return os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: bytes}), mode)
}

func writeCertificate(certificate, key string) error {
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return err
	}
	made, err := x509.CreateCertificate(rand.Reader, &localhost, &localhost, public, private)
	if err != nil {
		return err
	}
	encoded, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		return err
	}
	if err := writePEM(certificate, "CERTIFICATE", made, 0o644); err != nil {
		return err
	}
	return writePEM(key, "PRIVATE KEY", encoded, 0o600)
}

// localhost is a certificate that is its own authority.
var localhost = x509.Certificate{
	SerialNumber:          big.NewInt(1),
	Subject:               pkix.Name{CommonName: "localhost"},
	NotBefore:             time.Now().Add(-time.Hour),
	NotAfter:              time.Now().Add(24 * time.Hour),
	KeyUsage:              x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	ExtKeyUsage:           []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	BasicConstraintsValid: true,
	IsCA:                  true,
	DNSNames:              []string{"localhost"},
	IPAddresses:           []net.IP{net.IPv4(127, 0, 0, 1)},
}

// KeyHash is the name by which bastions know the holder of a key, a file in PKCS #8.
func KeyHash(file string) (string, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return "", err
	}
	block, _ := pem.Decode(text)
	if block == nil {
		return "", fmt.Errorf("%s is not PEM", file)
	}
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return "", fmt.Errorf("%s: %w", file, err)
	}
	private, isEd25519 := key.(ed25519.PrivateKey)
	if !isEd25519 {
		return "", fmt.Errorf("%s holds a %T, not an Ed25519 key", file, key)
	}
	return fmt.Sprintf("%x", sha256.Sum256(private.Public().(ed25519.PublicKey))), nil
}
