package notice
