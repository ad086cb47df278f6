package forwarder
