//! Memory maps of the ESP32 family with a TLSF heap per region, for running firmware allocation on a host
