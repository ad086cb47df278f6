package testnet
